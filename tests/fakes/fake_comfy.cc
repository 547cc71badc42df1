#include "fakes/fake_comfy.h"

#include <algorithm>
#include <condition_variable>
#include <list>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "fakes/aiohttp_answers.h"
#include "fakes/comfy_model.h"
#include "fakes/comfy_routes.h"
#include "fakes/fake_defaults.h"
#include "fakes/http_server.h"
#include "fakes/post_prompt.h"

namespace fakes {
namespace {

constexpr std::chrono::seconds kWaitLimit{20};

struct PlannedFault {
  std::string path_prefix;
  Fault fault;
  int times_left;  // -1: for ever
};

}  // namespace

struct FakeComfy::Core {
  explicit Core(FakeComfyOptions the_options)
      : options(std::move(the_options)),
        model{VersionNamed(options.version), options.now_ms ? options.now_ms : SystemNowMs,
              options.make_id ? options.make_id : RandomUuids()},
        server(options.address, options.port, [this](const Request& request) { return Handle(request); }) {}

  // nullopt: not under the base path.
  std::optional<std::string_view> PathOf(const Request& request) const {
    if (!request.path().starts_with(options.base_path)) return std::nullopt;
    return request.path().substr(options.base_path.size());
  }

  Answer Handle(const Request& request) {
    std::unique_lock lock(mutex);
    seen.push_back(request);
    if (const auto before = before_answer) {
      changed.notify_all();
      lock.unlock();
      before(request);
      lock.lock();
    }
    Answer answer = Compute(request);
    changed.notify_all();
    const auto after = after_answer;
    lock.unlock();
    if (after) after(request);
    return answer;
  }

  Answer Compute(const Request& request) {
    const auto path = PathOf(request);
    if (!path) return NotFound(model.version);
    if (const auto fault = TakeFault(*path)) return *fault;
    Answer answer = AnswerRequest(&model, request, *path);
    const auto accepts = request.headers.find("accept-encoding");
    if (options.compress && accepts != request.headers.end()) Compress(&answer, accepts->second);
    return answer;
  }

  std::optional<Answer> TakeFault(std::string_view path) {
    const auto fault = std::find_if(faults.begin(), faults.end(),
                                    [path](const PlannedFault& f) { return path.starts_with(f.path_prefix); });
    if (fault == faults.end()) return std::nullopt;
    Answer answer = fault->fault.answer();
    if (fault->times_left > 0 && --fault->times_left == 0) faults.erase(fault);
    return answer;
  }

  size_t CountSeen(std::string_view path_prefix) const {
    return static_cast<size_t>(std::count_if(seen.begin(), seen.end(), [&](const Request& request) {
      const auto path = PathOf(request);
      return path && path->starts_with(path_prefix);
    }));
  }

  // `change(model)` as one critical section.
  template <typename Change>
  auto Locked(Change change) {
    const std::lock_guard lock(mutex);
    changed.notify_all();
    return change(&model);
  }

  const FakeComfyOptions options;
  mutable std::mutex mutex;  // ComfyUI's queue lock: protects everything down to `after_answer`
  mutable std::condition_variable_any changed;
  ComfyModel model;
  std::list<PlannedFault> faults;
  std::vector<Request> seen;
  std::function<void(const Request&)> before_answer;
  std::function<void(const Request&)> after_answer;
  HttpServer server;  // last: its thread uses all of the above
};

FakeComfy::FakeComfy(FakeComfyOptions options) : core_(std::make_unique<Core>(std::move(options))) {}
FakeComfy::~FakeComfy() = default;

std::string FakeComfy::url() const {
  const std::string& address = core_->options.address;
  const bool v6 = address.find(':') != std::string::npos;
  return "http://" + (v6 ? "[" + address + "]" : address) + ":" + std::to_string(port()) + core_->options.base_path;
}

uint16_t FakeComfy::port() const {
  return core_->server.port();
}

Submitted FakeComfy::Submit(const PromptRequest& request) {
  std::string body = "{\"prompt\": " + request.prompt_json + ", \"extra_data\": " + request.extra_data_json;
  if (!request.prompt_id.empty()) body += ", \"prompt_id\": " + Quoted(request.prompt_id);
  if (request.number) body += ", \"number\": " + *request.number;
  if (request.front) body += ", \"front\": true";
  if (!request.client_id.empty()) body += ", \"client_id\": " + Quoted(request.client_id);
  const Answer answer = core_->Locked([&body](ComfyModel* model) {
    try {
      return PostPrompt(model, body + "}");
    } catch (const PythonError& error) {
      throw std::invalid_argument(std::string("ComfyUI would answer 500: ") + error.what());
    }
  });
  const Json accepted = ParseJson(answer.body).value();
  if (answer.status != 200) throw std::invalid_argument("ComfyUI would refuse: " + answer.body);
  return {accepted.Find("prompt_id")->text, accepted.Find("number")->text};
}

std::optional<std::string> FakeComfy::StartNext() {
  return core_->Locked(fakes::StartNext);
}

std::optional<std::string> FakeComfy::WaitAndStartNext(std::stop_token stop) {
  std::unique_lock lock(core_->mutex);
  std::optional<std::string> started;
  core_->changed.wait(lock, stop, [&] { return (started = fakes::StartNext(&core_->model)).has_value(); });
  return started;
}

void FakeComfy::FinishSuccess(std::string_view outputs_json, const std::vector<std::string>& cached_nodes) {
  core_->Locked([&](ComfyModel* model) { fakes::FinishSuccess(model, outputs_json, cached_nodes); });
}

void FakeComfy::FinishError(const ErrorSpec& error) {
  core_->Locked([&](ComfyModel* model) { fakes::FinishError(model, error); });
}

void FakeComfy::FinishInterrupted(std::string_view node_id, std::string_view node_type,
                                  const std::vector<std::string>& executed) {
  core_->Locked([&](ComfyModel* model) { fakes::FinishInterrupted(model, node_id, node_type, executed); });
}

void FakeComfy::FinishWithEntry(std::string_view raw_history_entry_json) {
  core_->Locked([&](ComfyModel* model) { fakes::FinishWithEntry(model, raw_history_entry_json); });
}

void FakeComfy::FinishUnserializable() {
  core_->Locked(fakes::FinishUnserializable);
}

void FakeComfy::DeletePending(const std::vector<std::string>& prompt_ids) {
  core_->Locked([&](ComfyModel* model) {
    for (const std::string& id : prompt_ids) model->queue.DeletePending(id);
  });
}

void FakeComfy::ClearQueue() {
  core_->Locked([](ComfyModel* model) { model->queue.ClearPending(); });
}

void FakeComfy::DeleteHistory(std::string_view prompt_id) {
  core_->Locked([&](ComfyModel* model) { model->queue.DeleteHistory(prompt_id); });
}

void FakeComfy::ClearHistory() {
  core_->Locked([](ComfyModel* model) { model->queue.ClearHistory(); });
}

std::vector<std::string> FakeComfy::running() const {
  const std::lock_guard lock(core_->mutex);
  std::vector<std::string> ids;
  for (const QueueItem& item : core_->model.queue.running()) ids.push_back(item.prompt_id);
  return ids;
}

std::vector<std::string> FakeComfy::pending() const {
  const std::lock_guard lock(core_->mutex);
  std::vector<std::string> ids;
  for (const QueueItem& item : core_->model.queue.PendingInOrder()) ids.push_back(item.prompt_id);
  return ids;
}

std::string FakeComfy::prompt_of_running() const {
  const std::lock_guard lock(core_->mutex);
  const auto& running = core_->model.queue.running();
  return running.empty() ? "" : ToText(running.front().prompt);
}

std::string FakeComfy::running_items_json() const {
  const std::lock_guard lock(core_->mutex);
  return ItemsJson(core_->model.queue.running());
}

std::string FakeComfy::pending_items_json() const {
  const std::lock_guard lock(core_->mutex);
  return ItemsJson(core_->model.queue.pending());
}

size_t FakeComfy::history_size() const {
  const std::lock_guard lock(core_->mutex);
  return core_->model.queue.history_size();
}

bool FakeComfy::interrupt_requested() const {
  const std::lock_guard lock(core_->mutex);
  return core_->model.interrupt;
}

bool FakeComfy::WaitForInterrupt(std::chrono::microseconds time, std::stop_token stop) {
  std::unique_lock lock(core_->mutex);
  return core_->changed.wait_for(lock, stop, time, [this] { return core_->model.interrupt; });
}

void FakeComfy::Restart() {
  core_->server.DropConnections([this] { core_->Locked([](ComfyModel* model) { model->Forget(); }); });
}

void FakeComfy::Down() {
  core_->server.StopListening([this] { core_->Locked([](ComfyModel* model) { model->Forget(); }); });
}

void FakeComfy::Up() {
  core_->server.Listen();
}
void FakeComfy::Freeze() {
  core_->server.Freeze();
}
void FakeComfy::Thaw() {
  core_->server.Thaw();
}

void FakeComfy::Inject(std::string_view path_prefix, Fault fault, int times) {
  const std::lock_guard lock(core_->mutex);
  core_->faults.push_back({std::string(path_prefix), std::move(fault), times});
}

void FakeComfy::ClearFaults() {
  {
    const std::lock_guard lock(core_->mutex);
    core_->faults.clear();
  }
  core_->server.DropHungConnections();
}

void FakeComfy::SetBeforeAnswer(std::function<void(const Request&)> hook) {
  const std::lock_guard lock(core_->mutex);
  core_->before_answer = std::move(hook);
}

void FakeComfy::SetAfterAnswer(std::function<void(const Request&)> hook) {
  const std::lock_guard lock(core_->mutex);
  core_->after_answer = std::move(hook);
}

std::vector<Request> FakeComfy::requests() const {
  const std::lock_guard lock(core_->mutex);
  return core_->seen;
}

size_t FakeComfy::request_count(std::string_view path_prefix) const {
  const std::lock_guard lock(core_->mutex);
  return core_->CountSeen(path_prefix);
}

bool FakeComfy::WaitForRequests(std::string_view path_prefix, size_t n) const {
  std::unique_lock lock(core_->mutex);
  return core_->changed.wait_for(lock, kWaitLimit, [&] { return core_->CountSeen(path_prefix) >= n; });
}

int FakeComfy::connection_count() const {
  return core_->server.connection_count();
}

}  // namespace fakes
