#pragma once

#include <cstddef>
#include <string_view>

// Which ids a job may be asked for by. ComfyUI up to 0.24 takes any string as prompt_id, an attacker's too; these rules
// keep what could break a URL, a log line or a terminal out. A job with another id is counted in the queue but not
// followed.
namespace jobs {

inline constexpr std::size_t kMaxJobIdBytes = 256;

// Why `id` (valid UTF-8) is not a usable job id, for a person; empty when it is usable.
std::string_view WhyUnusableJobId(std::string_view id);

inline bool IsUsableJobId(std::string_view id) {
  return WhyUnusableJobId(id).empty();
}

}  // namespace jobs
