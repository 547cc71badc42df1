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
  std::string version = "v0.33.0";    // "2023-12", "v0.3.44", "v0.3.64" or "v0.33.0": which routes and fields exist
  std::string address = "127.0.0.1";  // also "::1"
  uint16_t port = 0;                  // 0: a free one
  std::string base_path;              // "" or "/comfy": as behind a reverse proxy; other paths are 404
  bool compress = false;              // --enable-compress-response-body
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

// A ComfyUI without the UI and the GPU: a real HTTP server on loopback with ComfyUI's queue and history. Nothing runs
// by itself; the test (or DemoWorker) is the worker thread.
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
  // Heap pop + running insert; the prompt_id, or nullopt when nothing is pending or the worker is dead (two pending
  // items with the same number and id kill it, as they do ComfyUI's).
  std::optional<std::string> StartNext();
  // The same, waiting until there is something to start or `stop` is requested.
  std::optional<std::string> WaitAndStartNext(std::stop_token stop);
  // The Finish functions end the job that started first of those running: running removal + history insert. They throw
  // std::logic_error when none runs. `outputs_json` is history's: {"9": {"images": [{"filename": …}]}}.
  void FinishSuccess(std::string_view outputs_json = "{}", const std::vector<std::string>& cached_nodes = {});
  void FinishError(const ErrorSpec& error = {});
  void FinishInterrupted(std::string_view node_id = "3", std::string_view node_type = "KSampler",
                         const std::vector<std::string>& executed = {});
  // Any raw JSON as the history entry. The words $PROMPT and $ID in it become the job's item array and its quoted id.
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

  // --- interruption: POST /interrupt raises a flag; starting a job lowers it ---
  bool interrupt_requested() const;
  // Waits that long for the flag; true when it is up. Returns at once when `stop` is requested.
  bool WaitForInterrupt(std::chrono::microseconds time, std::stop_token stop);

  // --- the process ---
  // Forgets everything (queue, history, counter), drops all connections, keeps listening. Thaws.
  void Restart();
  // Like a dead process: refuses connections on this port and forgets everything. Thaws.
  void Down();
  // Listens again on the same port.
  void Up();
  // SIGSTOP: the kernel still accepts connections, nothing is read or answered. Queue functions go on working.
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

  // --- observing; prefixes are compared with the path without base_path ---
  std::vector<Request> requests() const;
  size_t request_count(std::string_view path_prefix = "") const;
  // Blocks until at least `n` such requests have been received (and, without a before-answer hook, their answers or
  // faults chosen); false after 20 s.
  bool WaitForRequests(std::string_view path_prefix, size_t n) const;
  int connection_count() const;  // TCP connections accepted so far

 private:
  struct Core;
  std::unique_ptr<Core> core_;
};

}  // namespace fakes
