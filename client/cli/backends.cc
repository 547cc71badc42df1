#include <string>

#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/terminal.h"
#include "cli/text.h"

namespace jobstatus::cli {
namespace {

std::string Describe(const Backend& backend) {
  std::string text = EscapeField(backend.name()) + ": ";
  if (backend.reachable()) {
    text += "reachable, " + std::to_string(backend.running()) + " running, " + std::to_string(backend.pending()) +
            " waiting";
    if (!backend.comfyui_version().empty()) text += ", ComfyUI " + Escape(backend.comfyui_version());
    text += backend.live_progress() ? ", live progress with client_id " + Escape(backend.client_id())
                                    : std::string(", no live progress");
  } else {
    text += backend.last_error().empty() ? "not asked yet" : "unreachable: " + Escape(backend.last_error());
  }
  return text + "  " + Escape(backend.url());
}

}  // namespace

ExitCode Backends(const Client& client, const CommandLine& line) {
  const Result<ListBackendsResponse> response = client.ListBackends();
  if (!response) return Complain(response.error(), line);
  for (const Backend& backend : response->backends()) {
    if (!line.backend.empty() && backend.name() != line.backend) continue;
    Print((line.json ? ToJsonLine(backend) : Describe(backend)) + "\n");
  }
  return ExitCode::kOk;
}

}  // namespace jobstatus::cli
