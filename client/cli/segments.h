// A line made of pieces, each in its color.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "jobstatus/messages.h"

namespace jobstatus::cli {

// Numbers of ANSI's "select graphic rendition"; empty: none.
inline constexpr std::string_view kPlain, kBold = "1", kDim = "2", kRed = "31", kGreen = "32", kYellow = "33",
                                          kCyan = "36";

struct Segment {
  std::string text;  // escaped
  std::string_view color;
};

std::string_view ColorOf(JobState state);

// The segments side by side, cut where `width` columns are full.
std::string Join(std::span<const Segment> segments, std::size_t width, bool color);

}  // namespace jobstatus::cli
