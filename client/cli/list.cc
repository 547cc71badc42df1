#include <google/protobuf/repeated_ptr_field.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/json.h"
#include "cli/pages.h"
#include "cli/table.h"
#include "cli/terminal.h"
#include "cli/text.h"
#include "cli/words.h"

namespace jobstatus::cli {
namespace {

using Statuses = google::protobuf::RepeatedPtrField<JobStatus>;

std::string NoJobs(const CommandLine& line) {
  std::string text = "No ";
  for (std::size_t i = 0; i < line.states.size(); ++i) {
    if (i > 0) text += i + 1 == line.states.size() ? " or " : ", ";
    text += StateName(line.states[i]);
  }
  text += line.states.empty() ? "jobs" : " jobs";
  if (!line.backend.empty()) text += " at " + Escape(line.backend);
  return text + ".\n";
}

std::string JsonLines(const Statuses& statuses) {
  std::string text;
  for (const JobStatus& status : statuses) text += ToJsonLine(status) + "\n";
  return text;
}

// How many ComfyUI servers the jobs listed may be of.
Result<int> CountBackends(const Client& client, const CommandLine& line) {
  if (!line.backend.empty()) return 1;
  const Result<ListBackendsResponse> response = client.ListBackends();
  if (!response) return std::unexpected(response.error());
  return response->backends_size();
}

// Prints the table piece by piece.
class Printer {
 public:
  Printer(const CommandLine& line, bool several_backends) : line_(line), terminal_(UseTerminal(line)) {
    style_ = {.width = std::numeric_limits<std::size_t>::max(),
              .color = terminal_ && line.color,
              .unicode = IsUtf8Locale(),
              .name_backend = several_backends};
  }

  void Add(const Statuses& statuses) {
    if (statuses.empty()) return;
    if (empty_) {
      // The service may tell of servers that it watches no more.
      for (const JobStatus& status : statuses)
        style_.name_backend = style_.name_backend || status.backend() != statuses[0].backend();
    }
    empty_ = false;
    Rows(statuses);
  }

  // In a pipe the first line is the header, always.
  void End() {
    if (!empty_) return;
    if (terminal_) {
      Print(NoJobs(line_));
    } else {
      Rows({});
    }
  }

 private:
  void Rows(const Statuses& statuses) {
    // The last column stays free, where terminals differ about when to fold.
    if (terminal_) style_.width = TerminalSize().width - 1;
    Print(table_.Rows(statuses, std::chrono::system_clock::now(), style_));
  }

  const CommandLine& line_;
  const bool terminal_;
  Style style_;
  Table table_;
  bool empty_ = true;
};

ListStatusesRequest RequestFor(const CommandLine& line) {
  ListStatusesRequest request;
  request.set_backend(line.backend);
  for (const JobState state : line.states) request.add_states(state);
  request.set_page_size(line.all ? kLargestPage : std::min(line.limit, kLargestPage));
  return request;
}

// Calls `show` with the jobs that the command line asks for, a few at a time.
template <typename ShowStatuses>
Result<void> Read(const Client& client, const CommandLine& line, const ShowStatuses& show) {
  std::int64_t left = line.all ? std::numeric_limits<std::int64_t>::max() : line.limit;
  return EachPage(client, RequestFor(line), [&](ListStatusesResponse& page) {
    Statuses& statuses = *page.mutable_statuses();
    if (statuses.size() > left)
      statuses.DeleteSubrange(static_cast<int>(left), statuses.size() - static_cast<int>(left));
    left -= statuses.size();
    show(statuses);
    return left > 0;
  });
}

}  // namespace

ExitCode List(const Client& client, const CommandLine& line) {
  if (line.json) {
    const Result<void> end = Read(client, line, [](const Statuses& statuses) { Print(JsonLines(statuses)); });
    return end ? ExitCode::kOk : Complain(end.error(), line);
  }
  const Result<int> backends = CountBackends(client, line);
  if (!backends) return Complain(backends.error(), line);
  Printer printer(line, *backends > 1);
  const Result<void> end = Read(client, line, [&](const Statuses& statuses) { printer.Add(statuses); });
  if (!end) return Complain(end.error(), line);
  printer.End();
  return ExitCode::kOk;
}

}  // namespace jobstatus::cli
