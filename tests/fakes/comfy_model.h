#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fakes/comfy_version.h"
#include "fakes/fake_comfy.h"
#include "fakes/prompt_queue.h"

namespace fakes {

// All a ComfyUI process remembers. No threads and no lock: FakeComfy has those.
struct ComfyModel {
  const ComfyVersion& version;
  std::function<int64_t()> now_ms;
  std::function<std::string()> make_id;

  PromptQueue queue;
  int64_t counter = 0;  // PromptServer.number
  bool interrupt = false;
  bool worker_dead = false;

  // A new process.
  void Forget() {
    queue = PromptQueue();
    counter = 0;
    interrupt = false;
    worker_dead = false;
  }
};

// What the worker thread does with a job (main.py prompt_worker, execution.py). The Finish functions are FakeComfy's.
std::optional<std::string> StartNext(ComfyModel* model);
void FinishSuccess(ComfyModel* model, std::string_view outputs_json, const std::vector<std::string>& cached_nodes);
void FinishError(ComfyModel* model, const ErrorSpec& error);
void FinishInterrupted(ComfyModel* model, std::string_view node_id, std::string_view node_type,
                       const std::vector<std::string>& executed);
void FinishWithEntry(ComfyModel* model, std::string_view raw_history_entry_json);
void FinishUnserializable(ComfyModel* model);

}  // namespace fakes
