#include "fakes/recorded_comfy.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <vector>

#include "fakes/aiohttp_answers.h"
#include "fakes/comfy_version.h"
#include "fakes/http_server.h"
#include "fakes/recording.h"
#include "fakes/wait_limit.h"

namespace fakes {
namespace {

Answer ToAnswer(const Exchange& exchange) {
  Answer answer;
  answer.status = exchange.status;
  answer.body = exchange.body;
  answer.chunked = exchange.Header("Transfer-Encoding") == "chunked" && exchange.body.empty();
  answer.close = exchange.Header("Connection") == "close";
  for (const auto& [name, value] : exchange.headers) {
    // Content-Length too: paths in the recorded bodies were rewritten.
    if (name != "Content-Length" && name != "Transfer-Encoding" && name != "Date" && name != "Connection") {
      answer.headers.emplace_back(name, value);
    }
  }
  return answer;
}

const Exchange* NewestOf(const Recording& recording, std::string_view path, size_t step) {
  const Exchange* newest = nullptr;
  for (const Exchange& exchange : recording.exchanges) {
    if (exchange.method != "GET" || exchange.path != path || exchange.status == 0) continue;
    if (newest && exchange.index > step) break;
    newest = &exchange;
  }
  return newest;
}

bool IsGeneral(std::string_view path) {
  return path == "/queue" || path == "/prompt" || path == "/system_stats" || path == "/features";
}

}  // namespace

struct RecordedComfy::Core {
  Core(const std::filesystem::path& root, const std::string& version_name, const std::string& scenario)
      : version(VersionNamed(version_name)),
        recording(LoadRecording(root, version_name, scenario)),
        idle(LoadRecording(root, version_name, "01-idle")),
        server("127.0.0.1", 0, [this](const Request& request) { return Handle(request); }) {}

  Answer Handle(const Request& request) {
    const std::lock_guard lock(mutex);
    targets.push_back(request.target);
    changed.notify_all();
    if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed(version, "GET,HEAD");
    const Exchange* exchange = NewestOf(recording, request.target, step);
    if (!exchange && IsGeneral(request.target)) exchange = NewestOf(idle, request.target, idle.exchanges.size());
    return exchange ? ToAnswer(*exchange) : NotFound(version);
  }

  size_t Count(std::string_view prefix) const {
    return static_cast<size_t>(std::count_if(targets.begin(), targets.end(),
                                             [prefix](const auto& target) { return target.starts_with(prefix); }));
  }

  size_t last() const { return recording.exchanges.back().index; }

  const ComfyVersion& version;
  const Recording recording;
  const Recording idle;
  mutable std::mutex mutex;  // protects the two below
  size_t step = 1;
  std::vector<std::string> targets;
  mutable std::condition_variable changed;
  HttpServer server;  // last: its thread uses all of the above
};

RecordedComfy::RecordedComfy(const std::filesystem::path& root, const std::string& version, const std::string& scenario)
    : core_(std::make_unique<Core>(root, version, scenario)) {}

RecordedComfy::~RecordedComfy() = default;

std::string RecordedComfy::url() const {
  return "http://127.0.0.1:" + std::to_string(core_->server.port());
}

size_t RecordedComfy::step() const {
  const std::lock_guard lock(core_->mutex);
  return core_->step;
}

size_t RecordedComfy::step_count() const {
  return core_->last();
}

bool RecordedComfy::Step() {
  const std::lock_guard lock(core_->mutex);
  if (core_->step >= core_->last()) return false;
  ++core_->step;
  return true;
}

void RecordedComfy::StepTo(size_t index) {
  const std::lock_guard lock(core_->mutex);
  core_->step = index;
}

void RecordedComfy::StepTo(std::string_view label) {
  const Exchange* exchange = core_->recording.Find(label);
  if (!exchange) throw std::out_of_range("no exchange " + std::string(label) + " in " + core_->recording.scenario);
  StepTo(exchange->index);
}

size_t RecordedComfy::request_count(std::string_view path_prefix) const {
  const std::lock_guard lock(core_->mutex);
  return core_->Count(path_prefix);
}

bool RecordedComfy::WaitForRequests(std::string_view path_prefix, size_t n) const {
  std::unique_lock lock(core_->mutex);
  return core_->changed.wait_for(lock, kWaitLimit, [&] { return core_->Count(path_prefix) >= n; });
}

}  // namespace fakes
