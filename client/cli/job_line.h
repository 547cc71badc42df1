// One line that shows how one job is doing.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "jobstatus/messages.h"

namespace jobstatus::cli {

using Time = std::chrono::steady_clock::time_point;

// A job as the screen knows it.
struct JobView {
  JobStatus status;
  Time received;          // when `status` came
  Time processing_since;  // when the job was first seen processing, by our clock
};

// How lines may look.
struct Style {
  std::size_t width = 80;     // columns; no line is wider
  std::size_t id_width = 36;  // columns given to the job's id
  bool color = false;
  bool unicode = false;
  bool name_backend = false;
};

// Without a line end. Times go on between messages: that is what `now` is for.
std::string JobLine(const JobView& job, Time now, const Style& style);

}  // namespace jobstatus::cli
