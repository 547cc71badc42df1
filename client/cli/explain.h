// What to tell a person about an error: what happened, to what, and what to do next.
#pragma once

#include <string>

#include "jobstatus/error.h"

namespace jobstatus::cli {

struct Explanation {
  std::string what;  // what happened, to what
  std::string next;  // what to do about it; may be empty
};

// Without control characters, line ends or the command's name; `server` is the address as the user gave it.
Explanation Explain(const Error& error, const std::string& server);

// Both in one line.
std::string ToLine(const Explanation& explanation);

// Why the service could not be reached, in few words: "connection refused".
std::string ConnectionTrouble(const Error& error);

}  // namespace jobstatus::cli
