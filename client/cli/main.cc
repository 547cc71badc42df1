#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <variant>

#include "cli/command_line.h"
#include "cli/commands.h"
#include "cli/connect.h"

namespace {

using namespace jobstatus::cli;

ExitCode Run(const CommandLine& line) {
  if (line.command == Command::kWatch || line.command == Command::kWait) return Follow(line);
  const jobstatus::Result<jobstatus::Client> client = Connect(line);
  if (!client) {
    std::fprintf(stderr, "jobstatus: %s\n", client.error().message.c_str());
    return ExitCode::kUsage;
  }
  switch (line.command) {
    case Command::kList:
      return List(*client, line);
    case Command::kBackends:
      return Backends(*client, line);
    case Command::kHealth:
      return Health(line);
    default:
      return Get(*client, line);
  }
}

// A descriptor of stdin, stdout or stderr that is closed would become one of gRPC's sockets, and be printed to.
void OpenStandardDescriptors() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) close(fd);
}

}  // namespace

int main(int argc, char** argv) {
  OpenStandardDescriptors();
  std::signal(SIGPIPE, SIG_DFL);        // `jobstatus watch | head` ends quietly, whatever the parent ignores
  setenv("GRPC_VERBOSITY", "NONE", 0);  // errors are told once, by us
  const auto parsed = ParseCommandLine(argc, argv);
  if (const auto* code = std::get_if<ExitCode>(&parsed)) return static_cast<int>(*code);
  const ExitCode code = Run(std::get<CommandLine>(parsed));
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    std::perror("jobstatus: cannot write the output");
    return static_cast<int>(ExitCode::kOther);
  }
  return static_cast<int>(code);
}
