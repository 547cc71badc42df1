// The jobs under way, as the lines that stand at the bottom of the terminal.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "cli/job_line.h"

namespace jobstatus::cli {

struct ScreenSize {
  std::size_t width = 80;
  std::size_t height = 24;
};

// At most size.height lines of at most size.width columns: the jobs running, then those queued in the order they will
// run, then how many more there are. Widths of `style` are chosen here.
std::vector<std::string> RenderScreen(std::span<const JobView> jobs, Time now, ScreenSize size, Style style);

// How many columns the ids of these jobs need on a line of this width.
std::size_t IdWidth(std::span<const JobView> jobs, std::size_t width);

}  // namespace jobstatus::cli
