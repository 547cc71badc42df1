#pragma once

#include <span>
#include <string_view>

namespace jobstatus::cli {

// The word that was probably meant; empty if none is like it.
std::string_view Nearest(std::string_view typed, std::span<const std::string_view> words);

}  // namespace jobstatus::cli
