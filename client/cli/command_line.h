// What the user typed, as values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "cli/exit_code.h"
#include "jobstatus/client_options.h"
#include "jobstatus/messages.h"

namespace jobstatus::cli {

enum class Command { kGet, kWatch, kWait, kList, kBackends, kHealth };

struct CommandLine {
  Command command = Command::kGet;
  ClientOptions client;
  std::string backend;
  bool json = false;
  bool color = true;  // allowed; used on a terminal only
  std::vector<std::string> job_ids;

  // watch and wait
  std::optional<std::chrono::milliseconds> min_interval;  // none: as fits what is printed
  std::chrono::milliseconds wait_for_job{0};
  std::optional<std::uint64_t> after_revision;
  std::optional<std::chrono::milliseconds> timeout;

  // list
  std::vector<JobState> states;
  int limit = 50;
  bool all = false;  // instead of the limit

  // health
  std::string service;  // empty: the server as a whole
  bool watch = false;
};

// Reads the arguments and the environment. When there is nothing left to do (help was asked for, or the command line is
// wrong, and this has been printed): the exit code.
std::variant<CommandLine, ExitCode> ParseCommandLine(int argc, const char* const* argv);

}  // namespace jobstatus::cli
