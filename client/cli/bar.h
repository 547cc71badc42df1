#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace jobstatus::cli {

// A bar of this many columns: filled by `percentage`.
std::string Bar(double percentage, std::size_t width, bool unicode);

// A bar with a block that wanders: something goes on, nobody knows how far it is.
std::string WanderingBar(std::chrono::milliseconds elapsed, std::size_t width, bool unicode);

}  // namespace jobstatus::cli
