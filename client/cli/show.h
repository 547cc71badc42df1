#pragma once

#include "cli/command_line.h"
#include "jobstatus/messages.h"

namespace jobstatus::cli {

// Prints one status, once, the way the command line and stdout ask for.
void Show(const JobStatus& status, const CommandLine& line);

}  // namespace jobstatus::cli
