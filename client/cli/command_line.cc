#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <array>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <limits>
#include <string_view>

#include "cli/duration.h"
#include "cli/help.h"
#include "cli/nearest.h"
#include "cli/text.h"
#include "cli/words.h"

namespace jobstatus::cli {
namespace {

template <typename Target>
CLI::Option* AddDuration(CLI::App& app, const std::string& name, Target& target, const std::string& help) {
  const auto read = [name, &target](const std::string& text) {
    const auto duration = ParseDuration(text);
    if (!duration) throw CLI::ValidationError(name, duration.error());
    target = *duration;
  };
  return app.add_option_function<std::string>(name, read, help)->type_name("DURATION");
}

void AddGlobal(CLI::App& app, CommandLine& line, std::string& token_file) {
  app.add_option("--server", line.client.target, "Address of the service; unix:/path works, too")
      ->envname("JOBSTATUS_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_option("--backend", line.backend, "Only this ComfyUI server, by its configured name")->type_name("NAME");
  app.add_flag("--json", line.json, "One JSON object a line");
  AddDuration(app, "--timeout", line.client.call_timeout, "Limit of each call [10s]; of wait: see there");
  app.add_option("--token-file", token_file,
                 "File with the token, the first if it has several; or the token itself in JOBSTATUS_TOKEN")
      ->type_name("FILE");
  CLI::Option* const tls = app.add_flag("--tls", line.client.tls, "Encrypt the connection");
  const auto add_file = [&](const char* name, std::string& file, const char* text) {
    app.add_option(name, file, text)->type_name("FILE")->needs(tls);  // without it the token would go out unencrypted
  };
  add_file("--ca", line.client.ca_file, "Authorities to trust instead of the system's (PEM)");
  add_file("--cert", line.client.cert_file, "Certificate to show to the service (PEM)");
  add_file("--key", line.client.key_file, "Key of that certificate (PEM)");
  app.add_flag_callback(
      "--no-color", [&line] { line.color = false; }, "No colors; also with NO_COLOR in the environment");
}

CLI::Option* AddJobs(CLI::App& command, CommandLine& line) {
  const auto check = [](const std::string& id) {
    if (id.empty()) return "\"\" is not a job; is a variable empty?";
    return IsValidUtf8(id) ? "" : "a JOB_ID must be UTF-8";
  };
  return command.add_option("JOB_ID", line.job_ids, "prompt_id of a job")->type_name("")->check(check, "");
}

void AddWatchOptions(CLI::App& command, CommandLine& line) {
  AddDuration(command, "--wait-for-job", line.wait_for_job, "How long a job may stay unknown, to be submitted later");
}

void AddWatch(CLI::App& app, CommandLine& line) {
  CLI::App* const watch =
      app.add_subcommand("watch", "Show jobs as they change, until they end; without JOB_ID, all jobs");
  AddJobs(*watch, line);
  AddWatchOptions(*watch, line);
  AddDuration(*watch, "--min-interval", line.min_interval,
              "At most one update of progress in this time [100ms on a terminal, 1s in a pipe, with --json all]");
  watch->add_option("--after-revision", line.after_revision, "Only what is newer; to go on where another watch ended");
  watch->footer("Without JOB_ID, jobs that had ended before are left out, unless --after-revision asks for them.");
  watch->callback([&line] { line.command = Command::kWatch; });
}

void AddWait(CLI::App& app, CommandLine& line) {
  CLI::App* const wait = app.add_subcommand("wait", "Wait until jobs end, and exit by how they did");
  AddJobs(*wait, line)->required();
  AddWatchOptions(*wait, line);
  AddDuration(*wait, "--timeout", line.timeout, "Give up after this time, with exit code 6 [no limit]");
  wait->footer("In a pipe nothing is printed of a job before it has ended. An unknown job ends the wait for all.");
  wait->callback([&line] { line.command = Command::kWait; });
}

void AddList(CLI::App& app, CommandLine& line) {
  CLI::App* const list = app.add_subcommand("list", "List the jobs the service remembers, newest change first");
  const auto read = [&line](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const auto state = StateOfName(name);
      if (!state)
        throw CLI::ValidationError("--state", "\"" + Escape(name) +
                                                  "\" is not a state; there are queued, processing, "
                                                  "completed, failed, cancelled and lost");
      line.states.push_back(*state);
    }
  };
  list->add_option_function<std::vector<std::string>>("--state", read, "Only jobs in these states: failed,lost")
      ->delimiter(',')
      ->type_name("STATE[,STATE]");
  CLI::Option* const limit = list->add_option("--limit", line.limit, "How many at most")
                                 ->check(CLI::Range(1, std::numeric_limits<int>::max()))
                                 ->type_name("N")
                                 ->capture_default_str();
  list->add_flag("--all", line.all, "However many there are")->excludes(limit);
  list->footer(
      "WHEN tells how long ago a job ended; or started, if it runs; or was submitted, if it waits. After a day: the "
      "date\n"
      "and time here. In a pipe nothing is cut, and the first line is always the header; for programs there is "
      "--json.");
  list->callback([&line] { line.command = Command::kList; });
}

void AddHealth(CLI::App& app, CommandLine& line) {
  CLI::App* const health =
      app.add_subcommand("health", "Ask whether the service serves, or reaches a ComfyUI server; for probes");
  const auto check = [](const std::string& name) { return IsValidUtf8(name) ? "" : "a SERVICE must be UTF-8"; };
  health->add_option("SERVICE", line.service, "A backend's name, or that of a gRPC service [the server as a whole]")
      ->type_name("")
      ->check(check, "");
  health->add_flag("--watch", line.watch, "Print each change, until the service ends");
  health->footer(
      "Prints SERVING (exit code 0), NOT_SERVING (5) or SERVICE_UNKNOWN (4). Needs no token. --backend NAME is the "
      "same "
      "as\nNAME.");
  health->callback([&line] {
    line.command = Command::kHealth;
    if (line.service.empty()) return line.service.swap(line.backend);
    if (!line.backend.empty()) throw CLI::ValidationError("--backend", "names the same as SERVICE; give one of them");
  });
}

std::string Trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return "";
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The token, from the file if one is named, else from the environment. The file may be a copy of the server's.
std::string ReadToken(const std::string& file) {
  if (file.empty()) {
    const char* const variable = std::getenv("JOBSTATUS_TOKEN");
    return variable == nullptr ? "" : Trimmed(variable);
  }
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw CLI::ValidationError("--token-file", "cannot read " + file);
  for (std::string line; std::getline(stream, line);) {
    line = Trimmed(line);
    if (!line.empty() && line.front() != '#') return line;
  }
  throw CLI::ValidationError("--token-file", "there is no token in " + file);
}

// What to say when there is no command. `rest` is what the command line has besides options.
std::string NoCommand(const std::vector<std::string>& rest) {
  constexpr std::array<std::string_view, 6> kCommands = {"get", "watch", "wait", "list", "backends", "health"};
  const std::string there_are = "there are get, watch, wait, list, backends and health";
  if (rest.empty()) return "a command is missing; " + there_are;
  if (rest.front().starts_with('-')) return "\"" + Escape(rest.front()) + "\" is not an option";
  const std::string_view nearest = Nearest(rest.front(), kCommands);
  return "\"" + Escape(rest.front()) + "\" is not a command; " +
         (nearest.empty() ? there_are : "did you mean \"" + std::string(nearest) + "\"?");
}

}  // namespace

std::variant<CommandLine, ExitCode> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  std::string token_file;
  CLI::App app(kDescription, "jobstatus");
  app.fallthrough();  // global options may stand behind the command, too
  app.get_formatter()->label("SUBCOMMAND", "COMMAND");
  app.get_formatter()->label("Subcommands", "Commands");
  app.require_subcommand(1);
  app.set_version_flag("--version", "jobstatus " JOBSTATUS_VERSION);
  app.footer(kFooter);
  app.failure_message(CLI::FailureMessage::simple);
  AddGlobal(app, line, token_file);

  CLI::App* const get = app.add_subcommand("get", "Tell how jobs are doing now");
  AddJobs(*get, line)->required();
  get->callback([&line] { line.command = Command::kGet; });
  AddWatch(app, line);
  AddWait(app, line);
  AddList(app, line);
  CLI::App* const backends = app.add_subcommand("backends", "List the ComfyUI servers the service watches");
  backends->callback([&line] { line.command = Command::kBackends; });
  AddHealth(app, line);

  try {
    app.parse(argc, argv);
    line.client.token = ReadToken(token_file);
  } catch (const CLI::RequiredError& error) {
    const bool no_command = app.get_subcommands().empty();
    app.exit(no_command ? CLI::RequiredError(NoCommand(app.remaining()), CLI::ExitCodes::RequiredError) : error);
    return ExitCode::kUsage;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? ExitCode::kOk : ExitCode::kUsage;
  }
  if (const char* const variable = std::getenv("NO_COLOR"); variable != nullptr && *variable != '\0')
    line.color = false;
  return line;
}

}  // namespace jobstatus::cli
