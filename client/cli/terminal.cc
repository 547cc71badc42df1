#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "cli/text.h"

namespace jobstatus::cli {
namespace {

constexpr char kHideCursor[] = "\x1b[?25l";
constexpr char kShowCursor[] = "\x1b[?25h";
constexpr char kEraseToEnd[] = "\x1b[J";

// Columns of a line as drawn, its colors not counted.
std::size_t ColumnsOf(std::string_view line) {
  std::string bare;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\x1b') {
      i = std::min(line.find('m', i), line.size() - 1);
    } else {
      bare += line[i];
    }
  }
  return DisplayWidth(bare);
}

}  // namespace

bool IsLiveTerminal() {
  const char* const term = std::getenv("TERM");
  return isatty(STDOUT_FILENO) != 0 && term != nullptr && *term != '\0' && std::string_view(term) != "dumb";
}

bool IsUtf8Locale() {
  for (const char* const name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* const value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    std::string text(value);
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text.find("utf-8") != std::string::npos || text.find("utf8") != std::string::npos;
  }
  return false;
}

ScreenSize TerminalSize() {
  winsize size{};
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {.width = size.ws_col, .height = size.ws_row};
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

Terminal::~Terminal() {
  Leave();
}

void Terminal::Draw(std::span<const std::string> lasting, std::vector<std::string> block) {
  if (lasting.empty() && block == block_) return;
  std::string out = Erase();
  for (const std::string& line : lasting) out += line + "\n";
  if (!block.empty() && !std::exchange(cursor_hidden_, true)) out += kHideCursor;
  for (const std::string& line : block) out += line + "\n";
  block_ = std::move(block);
  Print(out);
}

void Terminal::Leave() {
  std::string out = Erase();
  block_.clear();
  if (std::exchange(cursor_hidden_, false)) out += kShowCursor;
  if (!out.empty()) Print(out);
}

std::string Terminal::Erase() const {
  if (block_.empty()) return "";
  // A terminal made narrower since has folded the lines.
  const std::size_t width = TerminalSize().width;
  std::size_t rows = 0;
  for (const std::string& line : block_) rows += std::max<std::size_t>(1, (ColumnsOf(line) + width - 1) / width);
  return "\r\x1b[" + std::to_string(rows) + "A" + kEraseToEnd;
}

}  // namespace jobstatus::cli
