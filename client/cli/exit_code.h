// How the command tells a script what happened. `jobstatus --help` prints the same table.
#pragma once

#include "jobstatus/error.h"
#include "jobstatus/health.h"
#include "jobstatus/messages.h"

namespace jobstatus::cli {

enum class ExitCode {
  kOk = 0,           // the command succeeded; of watch and wait: the job completed
  kFailed = 1,       // the job failed
  kUsage = 2,        // the command line is wrong
  kCancelled = 3,    // the job was cancelled, or lost
  kNotFound = 4,     // no such job, or no such backend
  kUnavailable = 5,  // the service or ComfyUI cannot be reached; of health: not serving
  kTimeout = 6,      // not finished, or not answered, in time
  kOther = 7,        // any other error
  kInterrupted = 130,
  kBrokenPipe = 141,
  kTerminated = 143,
};

// Of a job in this state; kOk while it is not terminal.
ExitCode ExitCodeOf(JobState state);

ExitCode ExitCodeOf(Serving serving);

ExitCode ExitCodeOf(const Error& error);

// The code of several jobs: the first of these that any of them has: 2, 7, 5, 6, 4, 1, 3, 0. What kept the answer from
// being known comes before what the answer is.
ExitCode Worse(ExitCode one, ExitCode other);

}  // namespace jobstatus::cli
