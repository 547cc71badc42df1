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
#include "fakes/socket_table.h"
#include "fakes/url_query.h"
#include "fakes/wait_limit.h"

namespace fakes {
namespace {

struct PlannedFault {
  std::string path_prefix;
  Fault fault;
  int times_left;  // -1: for ever
};

Audience To(std::optional<std::string> client_id) {
  return client_id ? Audience::Client(*std::move(client_id)) : Audience::Everyone();
}

}  // namespace

struct FakeComfy::Core final : SocketListener {
  explicit Core(FakeComfyOptions the_options)
      : options(std::move(the_options)),
        sockets({.mirror = options.companion,
                 .features = std::string(VersionNamed(options.version).features),
                 .ask_for_delivery = [this] { server.Post([this] { sockets.Deliver(); }); }}),
        model{VersionNamed(options.version), options.now_ms ? options.now_ms : SystemNowMs,
              options.make_id ? options.make_id : RandomUuids(),
              [this](SocketEvent event) {
                if (!options.mute) sockets.Send(std::move(event));
              }},
        server(
            options.address, options.port, [this](const Request& request) { return Handle(request); }, this) {}

  void OnOpen(const std::shared_ptr<WebSocket>& socket, const Request& request) override {
    const std::lock_guard lock(mutex);
    std::string client_id = QueryValue(request.query(), "clientId").value_or("");
    if (client_id.empty()) {
      client_id = make_client_id();
      std::erase(client_id, '-');
    }
    sockets.OnOpen(socket, client_id, options.mute ? std::vector<Json>() : FirstMessages(client_id));
  }
  void OnText(const WebSocket& socket, const std::string& text) override { sockets.OnText(socket, text); }
  void OnPing(const WebSocket&) override { sockets.OnPing(); }
  void OnWritten(const WebSocket&) override { sockets.Deliver(); }
  void OnGone(const WebSocket& socket) override { sockets.OnGone(socket.ordinal()); }

  std::vector<Json> FirstMessages(const std::string& client_id) const {
    const auto message = [](const char* type, Json data) {
      return Json::Object({{"type", Json::String(type)}, {"data", std::move(data)}});
    };
    Json status = StatusData(model);
    status.Set("sid", Json::String(client_id));
    std::vector<Json> messages = {message("status", std::move(status))};
    for (const Execution& execution : model.executions) {
      if (!execution.last_node || !execution.client_id.is_string() || execution.client_id.text != client_id) continue;
      messages.push_back(message("executing", Json::Object({{"node", Json::String(*execution.last_node)}})));
      break;
    }
    return messages;
  }

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
    if (answer.delivery.kind == Delivery::Kind::kWebSocket && refusal) return Fault::Status(*refusal).answer();
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

  // A new process.
  void Forget() {
    Locked([this](ComfyModel* the_model) {
      the_model->Forget();
      sockets.Forget();
    });
  }

  // Ends the running job with the entry that `end(model)` makes.
  template <typename EndJob>
  void Finish(EndJob end) {
    std::unique_lock lock(mutex);
    HistoryEntry entry = end(&model);
    if (const auto hook = before_history) {
      lock.unlock();
      hook();
      lock.lock();
    }
    TaskDone(&model, std::move(entry));
    changed.notify_all();
  }

  const FakeComfyOptions options;
  SocketTable sockets;       // has its own lock, which may be taken under `mutex`
  mutable std::mutex mutex;  // ComfyUI's queue lock: protects everything down to `before_history`
  mutable std::condition_variable_any changed;
  ComfyModel model;
  std::list<PlannedFault> faults;
  std::vector<Request> seen;
  std::function<void(const Request&)> before_answer;
  std::optional<int> refusal;  // of upgrades: the status
  std::function<std::string()> make_client_id = RandomUuids();
  std::function<void(const Request&)> after_answer;
  std::function<void()> before_history;
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
  core_->Finish([&](ComfyModel* model) { return EndWithSuccess(model, outputs_json, cached_nodes); });
}

void FakeComfy::FinishError(const ErrorSpec& error) {
  core_->Finish([&](ComfyModel* model) { return EndWithError(model, error); });
}

void FakeComfy::FinishInterrupted(std::string_view node_id, std::string_view node_type,
                                  const std::vector<std::string>& executed) {
  core_->Finish([&](ComfyModel* model) { return EndInterrupted(model, node_id, node_type, executed); });
}

void FakeComfy::FinishWithEntry(std::string_view raw_history_entry_json) {
  core_->Finish([&](ComfyModel* model) { return EndWithEntry(model, raw_history_entry_json); });
}

void FakeComfy::FinishUnserializable() {
  core_->Finish(EndUnserializable);
}

void FakeComfy::DeletePending(const std::vector<std::string>& prompt_ids) {
  core_->Locked([&](ComfyModel* model) {
    for (const std::string& id : prompt_ids) fakes::DeletePending(model, id);
  });
}

void FakeComfy::ClearQueue() {
  core_->Locked(ClearPending);
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

void FakeComfy::Cached(const std::vector<std::string>& nodes) {
  core_->Locked([&](ComfyModel* model) { fakes::Cached(model, nodes); });
}

void FakeComfy::StartNode(std::string_view node_id, const Expansion& expansion) {
  core_->Locked([&](ComfyModel* model) { fakes::StartNode(model, node_id, expansion); });
}

void FakeComfy::Step(std::string_view node_id, int64_t value, int64_t max, std::string_view preview) {
  core_->Locked([&](ComfyModel* model) { fakes::Step(model, node_id, value, max, preview); });
}

void FakeComfy::FinishNode(std::string_view node_id, std::string_view output_json) {
  core_->Locked([&](ComfyModel* model) { fakes::FinishNode(model, node_id, output_json); });
}

void FakeComfy::Block(const ErrorSpec& error) {
  core_->Locked([&](ComfyModel* model) { fakes::Block(model, error); });
}

void FakeComfy::SendFrame(std::string text, std::optional<std::string> client_id) {
  core_->sockets.Send({To(std::move(client_id)), TextFrame(std::move(text))});
}

void FakeComfy::SendBinary(std::string bytes, std::optional<std::string> client_id) {
  core_->sockets.Send({To(std::move(client_id)), BinaryFrame(std::move(bytes))});
}

void FakeComfy::HoldEvents() {
  core_->sockets.Hold();
}
void FakeComfy::ReleaseEvents() {
  core_->sockets.Release();
}
void FakeComfy::ReleaseEvents(size_t n) {
  core_->sockets.Release(n);
}
size_t FakeComfy::queued_events() const {
  return core_->sockets.queued();
}

void FakeComfy::CutSockets() {
  core_->server.Run([this] {
    core_->sockets.ForEach([this](const auto& socket) {
      socket->Drop();
      core_->sockets.OnGone(socket->ordinal());
    });
  });
}

void FakeComfy::CutSocketsMidFrame() {
  const std::string text = "{\"type\": \"status\", \"data\": {\"status\": {\"exec_info\": {\"queue_remaining\": 0}}}}";
  core_->server.Post(
      [this, text] { core_->sockets.ForEach([&](const auto& socket) { socket->SendHalfAndDrop(text); }); });
}

void FakeComfy::CloseSockets() {
  core_->server.Post([this] { core_->sockets.ForEach([](const auto& socket) { socket->SendClose(); }); });
}

void FakeComfy::SilenceSockets() {
  core_->sockets.EmptySeats();
}

void FakeComfy::RefuseSockets(int http_status) {
  const std::lock_guard lock(core_->mutex);
  core_->refusal = http_status;
}

void FakeComfy::AllowSockets() {
  const std::lock_guard lock(core_->mutex);
  core_->refusal.reset();
}

std::vector<OpenSocket> FakeComfy::sockets() const {
  return core_->sockets.open();
}
size_t FakeComfy::socket_count() const {
  return core_->sockets.accepted_count();
}
std::vector<std::string> FakeComfy::socket_texts() const {
  return core_->sockets.texts();
}
size_t FakeComfy::ping_count() const {
  return core_->sockets.ping_count();
}
bool FakeComfy::WaitForSockets(size_t n) const {
  return core_->sockets.WaitForAccepted(n);
}
bool FakeComfy::WaitForClosedSockets(size_t n) const {
  return core_->sockets.WaitForClosed(n);
}
bool FakeComfy::WaitForSocketTexts(size_t n) const {
  return core_->sockets.WaitForTexts(n);
}
bool FakeComfy::WaitForPings(size_t n) const {
  return core_->sockets.WaitForPings(n);
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
  core_->server.DropConnections([this] { core_->Forget(); });
}

void FakeComfy::Down() {
  core_->server.StopListening([this] { core_->Forget(); });
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

void FakeComfy::SetBeforeHistory(std::function<void()> hook) {
  const std::lock_guard lock(core_->mutex);
  core_->before_history = std::move(hook);
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

uint64_t FakeComfy::sent_bytes() const {
  return core_->server.sent_bytes();
}

std::chrono::nanoseconds FakeComfy::cpu() const {
  return core_->server.cpu();
}

int FakeComfy::connection_count() const {
  return core_->server.connection_count();
}

}  // namespace fakes
