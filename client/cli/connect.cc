#include "cli/connect.h"

#include <cstdio>

#include "cli/explain.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace jobstatus::cli {

Result<Client> Connect(const CommandLine& line) {
  return Client::Create(line.client);
}

ExitCode Complain(const Error& error, const CommandLine& line) {
  std::fprintf(stderr, "jobstatus: %s\n", ToLine(Explain(error, Escape(line.client.target))).c_str());
  return ExitCodeOf(error);
}

bool UseTerminal(const CommandLine& line) {
  return !line.json && IsLiveTerminal();
}

}  // namespace jobstatus::cli
