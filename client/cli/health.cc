#include "jobstatus/health.h"

#include <cstdio>
#include <string>

#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/terminal.h"

namespace jobstatus::cli {
namespace {

const char* NameOf(Serving serving) {
  switch (serving) {
    case Serving::kServing:
      return "SERVING";
    case Serving::kNotServing:
      return "NOT_SERVING";
    case Serving::kServiceUnknown:
      return "SERVICE_UNKNOWN";
    default:
      return "UNKNOWN";
  }
}

void Show(Serving serving, const CommandLine& line) {
  const std::string name = NameOf(serving);
  Print((line.json ? R"({"status":")" + name + "\"}" : name) + "\n");
}

}  // namespace

ExitCode Health(const CommandLine& line) {
  if (line.watch)
    return Complain(WatchHealth(line.client, line.service, [&](Serving serving) { Show(serving, line); }), line);
  const Result<Serving> serving = CheckHealth(line.client, line.service);
  if (!serving) return Complain(serving.error(), line);
  Show(*serving, line);
  return ExitCodeOf(*serving);
}

}  // namespace jobstatus::cli
