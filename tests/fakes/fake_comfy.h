#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/fault.h"
#include "fakes/http_message.h"

namespace fakes {

struct FakeComfyOptions {
  std::string version = "v0.33.0";    // "2023-12", "v0.3.44", "v0.3.57", "v0.3.64" or "v0.33.0": what exists
  std::string address = "127.0.0.1";  // also "::1"
  uint16_t port = 0;                  // 0: a free one
  std::string base_path;              // "" or "/comfy": as behind a reverse proxy; other paths are 404
  bool compress = false;              // --enable-compress-response-body
  bool companion = false;  // with our custom node: mirrors events to sockets called "jobstatus-…" (mirror.h)
  bool mute = false;       // sends no events of its own, only what SendFrame and SendBinary are given
  // Unix ms, for timestamps and create_time. Default: the system's clock. Called under the queue's lock.
  std::function<int64_t()> now_ms;
  // Ids the server makes. Default: random UUIDs. Called under the queue's lock.
  std::function<std::string()> make_id;
};

// The body of POST /prompt.
struct PromptRequest {
  std::string prompt_id;              // empty: left out, the server makes one
  std::optional<std::string> number;  // raw JSON: "-5", "\"2.25\"", "NaN"
  bool front = false;
  std::string client_id;  // empty: left out
  // Raw JSON. Default: KSampler "3", VAEDecode "8", SaveImage "9".
  std::string prompt_json =
      R"({"3": {"class_type": "KSampler", "inputs": {"steps": 20}}, )"
      R"("8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}}, )"
      R"("9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}}})";
  std::string extra_data_json = "{}";  // raw JSON
};

struct Submitted {
  std::string prompt_id;
  std::string number;  // JSON, as answered
};

// The data of execution_error.
struct ErrorSpec {
  std::string node_id = "3";
  std::string node_type = "KSampler";
  std::string exception_type = "RuntimeError";
  std::string exception_message = "boom\n";
  std::vector<std::string> traceback = {"  File \"/opt/ComfyUI/execution.py\", line 1, in execute\n"};
  std::vector<std::string> executed;         // nodes that ran before
  std::string outputs_json = "{}";           // what they left
  std::string current_inputs_json = "{}";    // raw JSON
  std::vector<std::string> current_outputs;  // node ids
};

// How a node of an expanded subgraph ("1.0.0.3") is shown: as the node that was expanded ("1").
struct Expansion {
  std::optional<std::string> display_node;  // nullopt: the node itself
  std::optional<std::string> parent_node;   // nullopt: it stands in the prompt itself
};

// A WebSocket the fake has accepted and that has not ended.
struct OpenSocket {
  int connection = 0;     // as Request::connection
  std::string client_id;  // the one it asked for, or the one made up for it
  bool seated = false;    // messages for that client id, and for everybody, go to it
};

// A ComfyUI without the UI and the GPU: a real HTTP and WebSocket server on loopback with ComfyUI's queue, history and
// events. Nothing runs by itself; the test (or DemoWorker) is the worker thread. What it says tells the sockets what
// ComfyUI would tell them: to whom and in which words depends on the version (comfyui-protocol.md, section 3).
//
// Every function may be called from any thread, also from the hooks. Each queue function is one critical section of the
// one lock, as in PromptQueue of ComfyUI's execution.py: no request sees a job in neither place.
class FakeComfy {
 public:
  explicit FakeComfy(FakeComfyOptions options = {});
  ~FakeComfy();
  FakeComfy(const FakeComfy&) = delete;
  FakeComfy& operator=(const FakeComfy&) = delete;

  std::string url() const;  // "http://127.0.0.1:4711/comfy", no slash at the end
  uint16_t port() const;

  // --- the queue ---
  // What POST /prompt does, without HTTP. Throws std::invalid_argument when ComfyUI would refuse.
  Submitted Submit(const PromptRequest& request = {});
  // Heap pop + running insert, status, execution_start; the prompt_id, or nullopt when nothing is pending or the worker
  // is dead (two pending items with the same number and id kill it, as they do ComfyUI's).
  std::optional<std::string> StartNext();
  // The same, waiting until there is something to start or `stop` is requested.
  std::optional<std::string> WaitAndStartNext(std::stop_token stop);
  // The Finish functions end the job that started first of those running: execution_success (or _error, or
  // _interrupted), then running removal + history insert, then status and executing null. They throw std::logic_error
  // when none runs. `outputs_json` is history's: {"9": {"images": [{"filename": …}]}}. `cached_nodes` are Cached's,
  // when that was not called.
  void FinishSuccess(std::string_view outputs_json = "{}", const std::vector<std::string>& cached_nodes = {});
  void FinishError(const ErrorSpec& error = {});
  void FinishInterrupted(std::string_view node_id = "3", std::string_view node_type = "KSampler",
                         const std::vector<std::string>& executed = {});
  // Any raw JSON as the history entry. The words $PROMPT and $ID in it become the job's item array and its quoted id.
  // The end event is the last of its messages, if it has any.
  void FinishWithEntry(std::string_view raw_history_entry_json);
  // Success whose outputs cannot be encoded: GET /history and that id are 500 until it is deleted.
  void FinishUnserializable();
  void DeletePending(const std::vector<std::string>& prompt_ids);  // one copy of each
  void ClearQueue();
  void DeleteHistory(std::string_view prompt_id);
  void ClearHistory();
  std::vector<std::string> running() const;  // prompt ids
  std::vector<std::string> pending() const;  // prompt ids in the order they would run
  std::string prompt_of_running() const;     // the graph of the job that started first, "" if none; raw JSON
  std::string running_items_json() const;    // queue_running and queue_pending of GET /queue
  std::string pending_items_json() const;
  size_t history_size() const;

  // --- what the running job does, node by node; of several jobs the one that started first ---
  // All throw std::logic_error when none runs, and tell execution_cached with no nodes when Cached was not called.
  void Cached(const std::vector<std::string>& nodes);  // execution_cached; the history will have it, too
  // progress_state, executing. Several nodes may run at once, and a node may run again.
  void StartNode(std::string_view node_id, const Expansion& expansion = {});
  // progress_state, progress; with a JPEG or PNG also a preview, before progress to clients that take it with metadata,
  // behind it to others. The node must have been started.
  void Step(std::string_view node_id, int64_t value, int64_t max, std::string_view preview = "");
  // With an output (raw JSON, "null" too) executed; then progress_state. A node that was not started is an output node
  // that was cached, of which old versions do not tell.
  void FinishNode(std::string_view node_id, std::string_view output_json = "");
  // An execution_error that ends nothing: exception_type should be "ExecutionBlocked".
  void Block(const ErrorSpec& error);

  // --- the sockets at /ws ---
  // Any text, be it an event or garbage, behind all that was said before: to whoever sits at `client_id` by then, or to
  // everybody. Does not wait for anybody to receive it.
  void SendFrame(std::string text, std::optional<std::string> client_id = std::nullopt);
  void SendBinary(std::string bytes, std::optional<std::string> client_id = std::nullopt);
  // From now on events only queue up, so that the sockets lag behind HTTP. New sockets still get their first message.
  // Holds over Restart and Down, which forget what is queued.
  void HoldEvents();
  void ReleaseEvents();
  // Lets events out until `n` more have reached a socket; they need not be there yet. Events for nobody do not count.
  void ReleaseEvents(size_t n);
  size_t queued_events() const;  // not yet sent, for whatever reason

  // TCP connections end without a close frame; all sockets are gone when this returns, frozen or not.
  void CutSockets();
  // Each socket gets the beginning of a message and then an end as by CutSockets; does not wait for it.
  void CutSocketsMidFrame();
  // Each socket gets a close frame; does not wait for it. ComfyUI never does that.
  void CloseSockets();
  // The sockets stay open and answer pings, but get no event ever again: as when ComfyUI has dropped them from its
  // table.
  void SilenceSockets();
  // Upgrades are answered with that status instead, until AllowSockets.
  void RefuseSockets(int http_status);
  void AllowSockets();

  std::vector<OpenSocket> sockets() const;        // in the order of connection
  size_t socket_count() const;                    // accepted so far
  std::vector<std::string> socket_texts() const;  // text messages received from clients so far
  size_t ping_count() const;                      // pings received so far
  // Block until so many have been accepted, have ended, have been received; false after 20 s.
  bool WaitForSockets(size_t n) const;
  bool WaitForClosedSockets(size_t n) const;
  bool WaitForSocketTexts(size_t n) const;
  bool WaitForPings(size_t n) const;

  // --- interruption: POST /interrupt raises a flag; starting a job lowers it ---
  bool interrupt_requested() const;
  // Waits that long for the flag; true when it is up. Returns at once when `stop` is requested.
  bool WaitForInterrupt(std::chrono::microseconds time, std::stop_token stop);

  // --- the process ---
  // Forgets everything (queue, history, counter), drops all connections, sockets too, keeps listening. Thaws.
  void Restart();
  // Like a dead process: refuses connections on this port and forgets everything. Thaws.
  void Down();
  // Listens again on the same port.
  void Up();
  // SIGSTOP: the kernel still accepts connections, nothing is read, answered or sent. Queue functions go on working.
  void Freeze();
  void Thaw();

  // --- faults ---
  // The next `times` requests (-1: all from now on) whose path, without base_path, starts with `path_prefix` get this
  // instead of the true answer, which is then not computed. Of several faults the one injected first is taken.
  void Inject(std::string_view path_prefix, Fault fault, int times = 1);
  void ClearFaults();

  // --- hooks, for walking every interleaving; they run on the server's thread, not under the lock ---
  // Just before the answer (or fault) is chosen.
  void SetBeforeAnswer(std::function<void(const Request&)> hook);
  // After the answer was computed, before it is sent.
  void SetAfterAnswer(std::function<void(const Request&)> hook);
  // In the Finish functions, on their caller's thread: the end event is told, the job is not yet in the history. With
  // this hook they are two critical sections.
  void SetBeforeHistory(std::function<void()> hook);

  // --- observing; prefixes are compared with the path without base_path ---
  std::vector<Request> requests() const;
  size_t request_count(std::string_view path_prefix = "") const;
  // Blocks until at least `n` such requests have been received (and, without a before-answer hook, their answers or
  // faults chosen); false after 20 s.
  bool WaitForRequests(std::string_view path_prefix, size_t n) const;
  int connection_count() const;  // TCP connections accepted so far
  uint64_t sent_bytes() const;   // so far: answers with their heads, messages on sockets without their frames
  // What the one thread that answers and sends has taken so far of the processors. The queue functions run on their
  // callers' threads.
  std::chrono::nanoseconds cpu() const;

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace fakes
