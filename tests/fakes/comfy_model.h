#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/comfy_version.h"
#include "fakes/execution.h"
#include "fakes/fake_comfy.h"
#include "fakes/prompt_queue.h"
#include "fakes/socket_event.h"

namespace fakes {

// All a ComfyUI process remembers, but for its sockets. No threads and no lock: FakeComfy has those.
struct ComfyModel {
  const ComfyVersion& version;
  std::function<int64_t()> now_ms;
  std::function<std::string()> make_id;
  std::function<void(SocketEvent)> send;  // PromptServer.send_sync

  PromptQueue queue;
  std::deque<Execution> executions = {};  // of queue.running(), in that order
  int64_t counter = 0;                    // PromptServer.number
  bool interrupt = false;
  bool worker_dead = false;

  // A new process.
  void Forget() {
    queue = PromptQueue();
    executions.clear();
    counter = 0;
    interrupt = false;
    worker_dead = false;
  }
};

// The data of `status`, without a sid.
Json StatusData(const ComfyModel& model);
// PromptServer.queue_updated: tells all sockets how many jobs remain.
void QueueUpdated(const ComfyModel* model);
// PromptQueue.delete_queue_item and wipe_queue, with what they send.
bool DeletePending(ComfyModel* model, std::string_view prompt_id);
void ClearPending(ComfyModel* model);

// What the worker thread does with a job (main.py prompt_worker, execution.py). The functions are FakeComfy's; all but
// StartNext are about the job that started first and throw std::logic_error when none runs.
std::optional<std::string> StartNext(ComfyModel* model);
void Cached(ComfyModel* model, const std::vector<std::string>& nodes);
void StartNode(ComfyModel* model, std::string_view node_id, const Expansion& expansion);
void Step(ComfyModel* model, std::string_view node_id, int64_t value, int64_t max, std::string_view preview);
void FinishNode(ComfyModel* model, std::string_view node_id, std::string_view output_json);
void Block(ComfyModel* model, const ErrorSpec& error);

// The end comes in two steps: these tell the owner and say what is to become the history's entry ...
HistoryEntry EndWithSuccess(ComfyModel* model, std::string_view outputs_json,
                            const std::vector<std::string>& cached_nodes);
HistoryEntry EndWithError(ComfyModel* model, const ErrorSpec& error);
HistoryEntry EndInterrupted(ComfyModel* model, std::string_view node_id, std::string_view node_type,
                            const std::vector<std::string>& executed);
HistoryEntry EndWithEntry(ComfyModel* model, std::string_view raw_history_entry_json);
HistoryEntry EndUnserializable(ComfyModel* model);
// ... and this puts it there.
void TaskDone(ComfyModel* model, HistoryEntry entry);

}  // namespace fakes
