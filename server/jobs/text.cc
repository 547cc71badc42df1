#include "jobs/text.h"

namespace jobs {
namespace {

constexpr std::string_view kEllipsis = "…";

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

std::string CutText(std::string_view text, std::size_t max_bytes) {
  if (text.size() <= max_bytes) return std::string(text);
  std::size_t end = max_bytes - kEllipsis.size();
  while (end > 0 && IsContinuation(text[end])) --end;
  return std::string(text.substr(0, end)).append(kEllipsis);
}

std::string OneLine(std::string_view text, std::size_t max_bytes) {
  std::string line;
  bool space_due = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool c1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte <= 0x20 || byte == 0x7f || c1) {
      if (c1) ++i;
      space_due = !line.empty();
      continue;
    }
    if (space_due) line += ' ';
    space_due = false;
    line += text[i];
    if (line.size() > max_bytes + 4) break;  // enough for CutText to see that it is too long
  }
  return CutText(line, max_bytes);
}

}  // namespace jobs
