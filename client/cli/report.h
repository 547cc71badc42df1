// A status as lines of plain text, for pipes and for what stays on the screen.
#pragma once

#include <string>
#include <vector>

#include "jobstatus/messages.h"

namespace jobstatus::cli {

// "TIME JOB STATE message"; no spaces within the first three.
std::string PlainLine(const JobStatus& status);

// What remains to be said of a job that has ended: its outputs, or what went wrong. Each line begins with two spaces.
std::vector<std::string> Details(const JobStatus& status);

// The service's message, safe to print, without the state's name where it begins with that; may be empty.
std::string Message(const JobStatus& status);

// What a message says beside the state of a job that has ended: "2 outputs", "in VAEDecode: out of memory".
std::string Ending(const JobStatus& status);

}  // namespace jobstatus::cli
