#pragma once

#include <chrono>
#include <expected>
#include <string>
#include <string_view>

namespace jobstatus::cli {

// Reads a whole number with its unit: 500ms, 30s, 10m, 2h, 1d. The error is a sentence for the user.
std::expected<std::chrono::milliseconds, std::string> ParseDuration(std::string_view text);

// The same way round: in the largest unit that leaves no fraction.
std::string FormatDuration(std::chrono::milliseconds duration);

}  // namespace jobstatus::cli
