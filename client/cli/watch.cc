#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/duration.h"
#include "cli/explain.h"
#include "cli/live_view.h"
#include "cli/pages.h"
#include "cli/plain_view.h"
#include "cli/report.h"
#include "cli/signals.h"
#include "cli/text.h"

namespace jobstatus::cli {
namespace {

constexpr int kRedrawMs = 100;
constexpr std::size_t kNamedInComplaint = 5;
constexpr std::chrono::milliseconds kPatienceAfterTimeout{1'000};

std::unique_ptr<View> MakeView(const CommandLine& line) {
  if (UseTerminal(line)) {
    const char* const idle =
        line.job_ids.empty() ? "Nothing runs or waits. Ctrl-C leaves." : "Nothing heard of the jobs yet.";
    return std::make_unique<LiveView>(Style{.color = line.color, .unicode = IsUtf8Locale()}, idle);
  }
  return std::make_unique<PlainView>(line.json ? PlainFormat::kJson : PlainFormat::kLines,
                                     line.command == Command::kWait);
}

// A person reads so much, a program may want all.
std::chrono::milliseconds FittingInterval(const CommandLine& line) {
  if (UseTerminal(line)) return std::chrono::milliseconds(kRedrawMs);
  return line.json ? std::chrono::milliseconds(0) : std::chrono::seconds(1);
}

// Where a watch begins.
struct Start {
  std::uint64_t after_revision = 0;
  bool answered = false;             // the service is known to be there
  std::vector<JobStatus> under_way;  // oldest first; none is newer than after_revision
};

// The newest revision of any job; 0: there is none.
Result<std::uint64_t> NewestRevision(const Client& client, const CommandLine& line) {
  ListStatusesRequest request;
  request.set_backend(line.backend);
  request.set_page_size(1);
  std::uint64_t newest = 0;
  const Result<void> end = EachPage(client, std::move(request), [&](const ListStatusesResponse& page) {
    if (!page.statuses().empty()) newest = page.statuses(0).revision();
    return page.statuses().empty();
  });
  if (!end) return std::unexpected(end.error());
  return newest;
}

// Jobs that run or wait and have not changed since that revision.
Result<std::vector<JobStatus>> UnderWay(const Client& client, const CommandLine& line, std::uint64_t revision) {
  ListStatusesRequest request;
  request.set_backend(line.backend);
  request.add_states(comfyui::jobstatus::v1::JOB_STATE_QUEUED);
  request.add_states(comfyui::jobstatus::v1::JOB_STATE_PROCESSING);
  request.set_page_size(kLargestPage);
  std::vector<JobStatus> jobs;
  const Result<void> end = EachPage(client, std::move(request), [&](ListStatusesResponse& page) {
    for (JobStatus& job : *page.mutable_statuses()) {
      if (job.revision() <= revision) jobs.push_back(std::move(job));
    }
    return true;
  });
  if (!end) return std::unexpected(end.error());
  std::ranges::sort(jobs, {}, &JobStatus::revision);
  return jobs;
}

// A watch of everything from the beginning would be told the end of every job that the service remembers. So it begins
// at the newest revision, read first: whatever changes while the list of unfinished jobs is read is told by the watch.
Result<Start> FindStart(const Client& client, const CommandLine& line) {
  if (!line.job_ids.empty() || line.after_revision) return Start{.after_revision = line.after_revision.value_or(0)};
  const Result<std::uint64_t> newest = NewestRevision(client, line);
  if (!newest) return std::unexpected(newest.error());
  if (*newest == 0) return Start{.answered = true};
  Result<std::vector<JobStatus>> under_way = UnderWay(client, line, *newest);
  if (!under_way) return std::unexpected(under_way.error());
  return Start{.after_revision = *newest, .answered = true, .under_way = *std::move(under_way)};
}

WatchRequest MakeRequest(const CommandLine& line, const Start& start) {
  return {.job_ids = line.job_ids,
          .backend = line.backend,
          .after_revision = start.after_revision,
          .min_interval = line.min_interval.value_or(FittingInterval(line)),
          .wait_for_job = line.wait_for_job,
          .timeout = line.timeout,
          .fail_fast = !start.answered};
}

// What the watch's thread and the main thread share.
struct Shared {
  std::mutex mutex;  // protects the rest: the watch's thread tells, the main thread redraws
  std::unique_ptr<View> view;
  std::map<std::string, JobStatus> newest;  // of the jobs named on the command line
  std::optional<Result<void>> end;
};

WatchEvents MakeEvents(const CommandLine& line, Shared& shared, const WakeUp& ended) {
  WatchEvents events;
  events.on_status = [&line, &shared](const JobStatus& status) {
    const std::scoped_lock lock(shared.mutex);
    if (!line.job_ids.empty()) shared.newest[status.job_id()] = status;
    shared.view->OnStatus(status);
  };
  events.on_retry = [&line, &shared](const Error& why, std::chrono::milliseconds, int attempt) {
    if (attempt != 1) return;
    const std::string server = Escape(line.client.target);
    const std::string trouble = why.reason.empty()
                                    ? "lost the service at " + server + " (" + ConnectionTrouble(why) + ")"
                                    : Explain(why, server).what;
    const std::scoped_lock lock(shared.mutex);
    shared.view->OnNotice(trouble + "; trying again");
  };
  events.on_reattached = [&line, &shared] {
    const std::scoped_lock lock(shared.mutex);
    shared.view->OnNotice("connected to the service at " + Escape(line.client.target) + " again");
  };
  events.on_end = [&shared, &ended](const Result<void>& end) {
    {
      const std::scoped_lock lock(shared.mutex);
      shared.end = end;
    }
    ended.Give();
  };
  return events;
}

// Stops like any program on Ctrl-Z; returns when the shell lets it go on.
void StopForAWhile(Shared& shared, bool live) {
  if (!live) {
    std::raise(SIGSTOP);
    return;
  }
  const std::scoped_lock lock(shared.mutex);
  shared.view->Leave();
  std::raise(SIGSTOP);
  shared.view->Redraw();
}

// Redraws until the watch has ended or the user wants out. The exit code is for the second.
std::optional<ExitCode> Attend(Shared& shared, const Signals& signals, const WakeUp& ended, bool live) {
  std::array<pollfd, 3> polled = {{{.fd = signals.fd(), .events = POLLIN, .revents = 0},
                                   {.fd = ended.fd(), .events = POLLIN, .revents = 0},
                                   {.fd = STDOUT_FILENO, .events = 0, .revents = 0}}};  // only whether it broke
  for (;;) {
    poll(polled.data(), polled.size(), live ? kRedrawMs : -1);
    const int signal = signals.Take();
    if (signal == SIGINT) return ExitCode::kInterrupted;
    if (signal == SIGTERM) return ExitCode::kTerminated;
    if (signal == SIGTSTP) StopForAWhile(shared, live);
    if ((polled[1].revents & POLLIN) != 0) return std::nullopt;
    if (polled[2].revents != 0) return ExitCode::kBrokenPipe;
    if (!live) continue;
    const std::scoped_lock lock(shared.mutex);
    shared.view->Redraw();
  }
}

// Brings up to date what is known of unfinished jobs: what a watch tells of them is thinned. Does not take long.
void AskAgain(const CommandLine& line, std::map<std::string, JobStatus>& newest) {
  ClientOptions options = line.client;
  options.call_timeout = std::min(options.call_timeout, kPatienceAfterTimeout);
  const Result<Client> client = Client::Create(options);
  if (!client) return;
  std::size_t asked = 0;
  for (auto& [id, known] : newest) {
    if (IsTerminal(known.state())) continue;
    if (++asked > kNamedInComplaint) return;
    Result<JobStatus> status = client->GetStatus(id, known.backend());
    if (!status) return;
    // One that ended only now was not finished in time.
    if (status->revision() > known.revision() && !IsTerminal(status->state())) known = *std::move(status);
  }
}

ExitCode ComplainOfTime(const CommandLine& line, Shared& shared) {
  AskAgain(line, shared.newest);
  std::string text = "not finished within " + FormatDuration(*line.timeout) + ":";
  std::size_t unfinished = 0;
  for (const std::string& id : line.job_ids) {
    const auto found = shared.newest.find(id);
    if (found != shared.newest.end() && IsTerminal(found->second.state())) continue;
    if (++unfinished > kNamedInComplaint) continue;
    text += " " + Escape(id) + " (" + (found == shared.newest.end() ? "not heard of" : Message(found->second)) + ")";
  }
  if (unfinished > kNamedInComplaint) text += " and " + std::to_string(unfinished - kNamedInComplaint) + " more";
  std::fprintf(stderr, "jobstatus: %s. Allow more with --timeout; the service goes on following.\n", text.c_str());
  return ExitCode::kTimeout;
}

ExitCode CodeOfEnd(const CommandLine& line, Shared& shared) {
  ExitCode code = ExitCode::kOk;
  for (const auto& [id, status] : shared.newest) code = Worse(code, ExitCodeOf(status.state()));
  if (*shared.end) return code;
  const Error& error = shared.end->error();
  const bool time_is_up = error.code == Code::kDeadlineExceeded && line.timeout;
  return Worse(code, time_is_up ? ComplainOfTime(line, shared) : Complain(error, line));
}

}  // namespace

ExitCode Follow(const CommandLine& line) {
  const Signals signals;  // before gRPC starts its threads
  const WakeUp ended;
  const Result<Client> client = Connect(line);
  if (!client) {
    std::fprintf(stderr, "jobstatus: %s\n", client.error().message.c_str());
    return ExitCode::kUsage;
  }
  const bool live = UseTerminal(line);
  Shared shared;
  shared.view = MakeView(line);
  signals.Release();  // nothing is drawn yet, so Ctrl-C may simply kill
  const Result<Start> start = FindStart(*client, line);
  if (!start) return Complain(start.error(), line);
  for (const JobStatus& status : start->under_way) shared.view->OnStatus(status);
  signals.Hold();

  Watch watch = client->Watch(MakeRequest(line, *start), MakeEvents(line, shared, ended));
  const std::optional<ExitCode> left = Attend(shared, signals, ended, live);
  // The watch may be stuck in a write to a pipe that nobody reads; all that was printed is flushed.
  if (left && !live) std::_Exit(static_cast<int>(*left));
  watch.Cancel();
  watch.Wait();
  shared.view->Leave();
  return left ? *left : CodeOfEnd(line, shared);
}

}  // namespace jobstatus::cli
