#include "web/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "web/families.h"

namespace web {
namespace {

using prometheus::MetricFamily;
using Families = std::vector<MetricFamily>;

constexpr std::array kStates = {"queued", "processing", "completed", "failed", "cancelled", "lost"};
static_assert(kStates.size() == std::tuple_size_v<board::ByState>);
constexpr std::size_t kFirstEnd = static_cast<std::size_t>(jobs::JobState::kCompleted);

constexpr std::array kErrorKinds = {"timeout", "unreachable", "http_error", "bad_response"};
static_assert(kErrorKinds.size() + 1 == comfy::Traffic::kErrorKinds);  // but those that were not asked as we stop

double Number(std::uint64_t number) {
  return static_cast<double>(number);
}

void AddBoard(const board::Board::Counts& board, Families& families) {
  Family up =
      Gauge("jobstatus_backend_up", "Whether the last question to the ComfyUI server was answered (1) or not (0)");
  Family live =
      Gauge("jobstatus_backend_live", "Whether the live events of the ComfyUI server are heard (1) or not (0)");
  Family running = Gauge("jobstatus_backend_running_jobs", "Running jobs, as the ComfyUI server's queue showed last");
  Family pending = Gauge("jobstatus_backend_pending_jobs", "Waiting jobs, as the ComfyUI server's queue showed last");
  Family jobs = Gauge("jobstatus_jobs", "Jobs whose status is in memory, by state; of those that ended, the newest");
  Family bytes = Gauge("jobstatus_backend_finished_bytes", "Memory that the statuses of finished jobs take");
  Family outcomes = Counter("jobstatus_job_outcomes_total",
                            "Jobs that ended, by state; a lost job that turns up again may end a second time");
  Family wait = Histogram("jobstatus_job_queue_wait_seconds", "How long jobs waited in the queue before they ran");
  Family run = Histogram("jobstatus_job_run_seconds", "How long jobs ran, however they ended");
  for (const auto& backend : board.backends) {
    const Labels label = {{"backend", backend.state.name}};
    up.Add(label, backend.state.reachable ? 1 : 0);
    live.Add(label, backend.state.live_progress ? 1 : 0);
    running.Add(label, backend.state.running);
    pending.Add(label, backend.state.pending);
    bytes.Add(label, Number(backend.state.finished_bytes));
    for (std::size_t state = 0; state < kStates.size(); ++state) {
      const Labels labels = {{"backend", backend.state.name}, {"state", kStates[state]}};
      jobs.Add(labels, Number(backend.jobs[state]));
      if (state >= kFirstEnd) outcomes.Add(labels, Number(backend.tally.outcomes[state]));
    }
    wait.Add(label, backend.tally.wait);
    run.Add(label, backend.tally.run);
  }
  for (Family* const family : {&up, &live, &running, &pending, &jobs, &bytes, &outcomes, &wait, &run})
    families.push_back(family->Take());
  families.push_back(Gauge("jobstatus_revision", "Revision of the newest status; grows over restarts, too")
                         .Add({}, Number(board.revision))
                         .Take());
  families.push_back(
      Gauge("jobstatus_watches", "Open WatchStatus streams").Add({}, Number(board.subscriptions)).Take());
  families.push_back(
      Counter("jobstatus_watch_conflated_updates_total",
              "Statuses that a stream was not told, since a newer one of the same job came before it took "
              "them: it is slow to read, or asked for fewer")
          .Add({}, Number(board.conflated))
          .Take());
}

void AddTraffic(const Readings& readings, Families& families) {
  Family requests = Counter("jobstatus_upstream_requests_total", "Requests to the ComfyUI server");
  Family bytes = Counter("jobstatus_upstream_received_bytes_total",
                         "Bytes of the bodies of the ComfyUI server's answers, as they came over the wire");
  Family errors = Counter("jobstatus_upstream_errors_total",
                          "Requests to the ComfyUI server without an answer that can be used, by kind");
  Family first_byte = Histogram("jobstatus_upstream_first_byte_seconds",
                                "From a request sent to the first byte of the ComfyUI server's answer");
  Family answer = Histogram("jobstatus_upstream_answer_seconds",
                            "From the start of a request, connecting included, to the last byte of the answer");
  Family charged = Counter("jobstatus_upstream_server_seconds_total",
                           "Time that the answers are reckoned to have cost the ComfyUI server; its rate stays below "
                           "--upstream-share");
  Family reconnects = Counter("jobstatus_socket_reconnects_total",
                              "How often the WebSocket for live events was opened again after it had been open");
  Family silent = Counter("jobstatus_silent_sockets_total",
                          "How often that WebSocket was left as it was open and told nothing of what happened");
  Family messages = Counter("jobstatus_socket_messages_total", "Messages that came over that WebSocket");
  for (const auto& [name, counts] : readings.traffic) {
    const Labels label = {{"backend", name}};
    requests.Add(label, Number(counts.requests));
    bytes.Add(label, Number(counts.received_bytes));
    for (std::size_t kind = 0; kind < kErrorKinds.size(); ++kind)
      errors.Add({{"backend", name}, {"kind", kErrorKinds[kind]}}, Number(counts.errors[kind]));
    first_byte.Add(label, counts.first_byte);
    answer.Add(label, counts.whole_answer);
    charged.Add(label, Seconds(counts.charged));
    reconnects.Add(label, Number(counts.sockets_opened - std::min<std::uint64_t>(counts.sockets_opened, 1)));
    silent.Add(label, Number(counts.silent_sockets));
    messages.Add(label, Number(counts.messages));
  }
  for (Family* const family :
       {&requests, &bytes, &errors, &first_byte, &answer, &charged, &reconnects, &silent, &messages})
    families.push_back(family->Take());
}

void AddArchive(const Readings& readings, Families& families) {
  if (!readings.archive) return;
  const archive::Counts& archive = *readings.archive;
  jobs::Duration lag{0};
  if (readings.board.unwritten_since) lag = std::max(jobs::Duration(0), readings.now - *readings.board.unwritten_since);
  families.push_back(
      Gauge("jobstatus_archive_up", "Whether the last batch could be written to the archive (1) or not (0)")
          .Add({}, archive.failing ? 0 : 1)
          .Take());
  families.push_back(
      Gauge("jobstatus_archive_lag_seconds", "How long the oldest change that is not in the archive yet has been due")
          .Add({}, Seconds(lag))
          .Take());
  families.push_back(Gauge("jobstatus_archive_unwritten_changes", "Changes that are not in the archive yet")
                         .Add({}, Number(readings.board.unwritten))
                         .Take());
  families.push_back(Counter("jobstatus_archive_written_statuses_total", "Statuses written to the archive")
                         .Add({}, Number(archive.statuses))
                         .Take());
  families.push_back(Counter("jobstatus_archive_errors_total", "Batches that could not be written to the archive")
                         .Add({}, Number(archive.failed_batches))
                         .Take());
  families.push_back(Histogram("jobstatus_archive_batch_seconds",
                               "How long writing a batch to the archive took, flushing to the disk included")
                         .Add({}, archive.batches)
                         .Take());
}

// As go-grpc-prometheus and its kin name them, so that dashboards made for those show this server, too.
constexpr std::array kCodes = {
    "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
    "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
    "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
    "DataLoss", "Unauthenticated"};
static_assert(kCodes.size() == rpc::kCodes);

void AddCalls(const Readings& readings, Families& families) {
  Family started = Counter("grpc_server_started_total", "Calls that came");
  Family handled = Counter("grpc_server_handled_total", "Calls that ended, by code");
  Family sent = Counter("grpc_server_msg_sent_total", "Messages sent to callers");
  Family seconds =
      Histogram("grpc_server_handling_seconds", "From a call's coming to its end; of a stream, how long it was");
  for (std::size_t method = 0; method < rpc::kMethods; ++method) {
    const rpc::Calls::Counts& counts = readings.calls[method];
    const bool stream = static_cast<rpc::Method>(method) == rpc::Method::kWatchStatus;
    const Labels labels = {{"grpc_type", stream ? "server_stream" : "unary"},
                           {"grpc_service", "comfyui.jobstatus.v1.JobStatusService"},
                           {"grpc_method", rpc::kMethodNames[method]}};
    started.Add(labels, Number(counts.started));
    for (std::size_t code = 0; code < kCodes.size(); ++code) {
      Labels with_code = labels;
      with_code.push_back({"grpc_code", kCodes[code]});
      handled.Add(with_code, Number(counts.ended[code]));
    }
    sent.Add(labels, Number(counts.messages_sent));
    seconds.Add(labels, counts.durations);
  }
  for (Family* const family : {&started, &handled, &sent, &seconds}) families.push_back(family->Take());
}

void AddLimits(const Readings& readings, Families& families) {
  Family met =
      Counter("jobstatus_limits_met_total", "How often a limit was met, by its name; README.md says what follows");
  for (const auto& [limit, count] : readings.limits_met) met.Add({{"limit", limit}}, Number(count));
  families.push_back(met.Take());
}

void AddProcess(const ProcessReading& process, Families& families) {
  const auto gauge = [&](const char* name, const char* help, double value) {
    families.push_back(Gauge(name, help).Add({}, value).Take());
  };
  families.push_back(Counter("process_cpu_seconds_total", "Time that all threads of this process computed")
                         .Add({}, process.cpu_seconds)
                         .Take());
  gauge("process_start_time_seconds", "When this process was started, in seconds since 1970", process.start_seconds);
  gauge("process_resident_memory_bytes", "Memory of this process that is in RAM", Number(process.resident_bytes));
  gauge("process_virtual_memory_bytes", "Address space of this process", Number(process.virtual_bytes));
  gauge("process_open_fds", "File descriptors of this process that are open", Number(process.open_fds));
  gauge("process_max_fds", "How many file descriptors this process may open", Number(process.max_fds));
  gauge("process_threads", "Threads of this process", Number(process.threads));
}

}  // namespace

std::string MetricsText(const Readings& readings) {
  Families families;
  AddBoard(readings.board, families);
  AddTraffic(readings, families);
  AddArchive(readings, families);
  AddCalls(readings, families);
  AddLimits(readings, families);
  AddProcess(readings.process, families);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace web
