#pragma once

#include <cstddef>
#include <string>
#include <string_view>

// Text that came from a ComfyUI server, an attacker's too, made fit to keep and to show.
namespace jobs {

// At most `max_bytes` of `text`, cut between characters and ended with "…" when something was cut. `text` is valid
// UTF-8.
std::string CutText(std::string_view text, std::size_t max_bytes);

// `text` on one line: runs of white space and control characters become one space; at most `max_bytes`.
std::string OneLine(std::string_view text, std::size_t max_bytes);

}  // namespace jobs
