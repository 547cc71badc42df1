#pragma once

#include "cli/command_line.h"
#include "jobstatus/client.h"

namespace jobstatus::cli {

// The client the command line asks for; the error is a usage error.
Result<Client> Connect(const CommandLine& line);

// Says on stderr what went wrong and returns the exit code for it.
ExitCode Complain(const Error& error, const CommandLine& line);

// How lines may look on stdout: plain ones in a pipe.
bool UseTerminal(const CommandLine& line);

}  // namespace jobstatus::cli
