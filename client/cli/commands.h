// The commands. Each prints what it finds on stdout, what goes wrong on stderr, and returns how the process ends.
#pragma once

#include "cli/command_line.h"
#include "cli/exit_code.h"
#include "jobstatus/client.h"

namespace jobstatus::cli {

ExitCode Get(const Client& client, const CommandLine& line);
ExitCode List(const Client& client, const CommandLine& line);
ExitCode Backends(const Client& client, const CommandLine& line);

// Makes its own connection: the health service is another than that of the client.
ExitCode Health(const CommandLine& line);

// watch and wait. Takes the signals over, so it makes its own client after that.
ExitCode Follow(const CommandLine& line);

}  // namespace jobstatus::cli
