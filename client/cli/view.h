#pragma once

#include <string>

#include "jobstatus/messages.h"

namespace jobstatus::cli {

// How a watch shows itself. Not thread-safe.
class View {
 public:
  virtual ~View() = default;

  // A job's newest status.
  virtual void OnStatus(const JobStatus& status) = 0;

  // A line for stderr.
  virtual void OnNotice(const std::string& notice) = 0;

  // Time has passed, or the terminal has a new size.
  virtual void Redraw() {}

  // Others are going to write: the command ends, or stops for a while.
  virtual void Leave() {}
};

}  // namespace jobstatus::cli
