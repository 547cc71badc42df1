#include "jobs/job_id.h"

namespace jobs {
namespace {

// C0, DEL and C1 (U+0080 to U+009F, in UTF-8 C2 80 to C2 9F): a terminal obeys them all.
bool HasControlCharacter(std::string_view id) {
  for (std::size_t i = 0; i < id.size(); ++i) {
    const auto byte = static_cast<unsigned char>(id[i]);
    if (byte < 0x20 || byte == 0x7f) return true;
    if (byte == 0xc2 && i + 1 < id.size() && static_cast<unsigned char>(id[i + 1]) < 0xa0) return true;
  }
  return false;
}

}  // namespace

std::string_view WhyUnusableJobId(std::string_view id) {
  if (id.empty()) return "must not be empty";
  if (id.size() > kMaxJobIdBytes) return "must not be longer than 256 bytes";
  if (HasControlCharacter(id)) return "must not contain control characters";
  return {};
}

}  // namespace jobs
