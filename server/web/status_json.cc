#include "web/status_json.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <tuple>

#include "jobs/describe.h"
#include "jobs/text.h"
#include "web/json.h"

namespace web {
namespace {

using jobs::JobState;

constexpr std::size_t kMaxUrlBytes = 2000;
constexpr std::size_t kMaxNameBytes = 200;

long long Millis(jobs::Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

void PutTime(JsonObject& object, std::string_view name, const std::optional<jobs::Time>& time) {
  if (time) object.Put(name, Millis(*time));
}

std::string_view Word(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kProcessing:
      return "processing";
    case JobState::kCompleted:
      return "completed";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
    case JobState::kLost:
      return "lost";
  }
  return "";
}

std::string Backend(const board::BackendState& state) {
  JsonObject object;
  object.Put("name", state.name).Put("url", state.url).Put("reachable", state.reachable);
  object.Put("live", state.live_progress).Put("version", jobs::OneLine(state.comfyui_version, kMaxNameBytes));
  object.Put("running", state.running).Put("pending", state.pending);
  if (!state.last_error.empty()) object.Put("error", jobs::OneLine(state.last_error, 300));
  PutTime(object, "observed", state.observe_time);
  return object.Json();
}

JsonObject Job(const jobs::JobStatus& status) {
  JsonObject object;
  object.Put("id", status.job_id).Put("backend", status.backend).Put("state", Word(status.state));
  object.Put("stale", status.stale).Put("message", jobs::Describe(status));
  PutTime(object, "create", status.create_time);
  PutTime(object, "start", status.start_time);
  if (status.estimate) {
    object.Put("end_earliest", Millis(status.estimate->earliest_end)).Put("end_expected", Millis(status.estimate->end));
    object.Put("end_latest", Millis(status.estimate->latest_end));
  }
  return object;
}

std::string Running(const jobs::JobStatus& status) {
  JsonObject object = Job(status);
  if (status.progress) {
    const jobs::Progress& progress = *status.progress;
    object.PutJson("percent", std::to_string(std::round(progress.percentage * 100) / 100));
    object.Put("nodes_done", progress.completed_nodes).Put("nodes", progress.total_nodes);
    if (progress.current_node) {
      const jobs::NodeProgress& node = *progress.current_node;
      object.Put("node",
                 jobs::OneLine(node.node_type.empty() ? "node " + node.node_id : node.node_type, kMaxNameBytes));
      object.Put("step", node.current_step);
      object.Put("steps", node.total_steps);
    }
  }
  return object.Json();
}

std::string Queued(const jobs::JobStatus& status) {
  JsonObject object = Job(status);
  if (status.queue) object.Put("position", status.queue->position).Put("size", status.queue->size);
  return object.Json();
}

std::string Ended(const jobs::JobStatus& status) {
  JsonObject object = Job(status);
  object.Put("end", Millis(status.end_time.value_or(status.observe_time)));
  JsonList outputs;
  std::size_t told = 0;
  for (const jobs::Output& output : status.outputs) {
    const std::string name = output.filename.empty() ? output.text : output.filename;
    if (told == kMostOutputs || name.empty() || output.url.size() > kMaxUrlBytes) continue;
    outputs.AddJson(JsonObject().Put("name", jobs::OneLine(name, kMaxNameBytes)).Put("url", output.url).Json());
    ++told;
  }
  object.PutJson("outputs", outputs.Json());
  object.Put("outputs_left_out", status.outputs.size() - told + static_cast<std::size_t>(status.outputs_left_out));
  return object.Json();
}

// The first `most` in the order of `key`, each as `to_json` says; returns how many are left out.
template <class Key, class ToJson>
std::size_t Add(std::vector<board::Snapshot> jobs, std::size_t most, JsonList& list, Key key, ToJson to_json) {
  std::ranges::sort(jobs, {}, [&](const board::Snapshot& job) { return key(*job); });
  const std::size_t told = std::min(jobs.size(), most);
  for (std::size_t i = 0; i < told; ++i) list.AddJson(to_json(*jobs[i]));
  return jobs.size() - told;
}

}  // namespace

std::string StatusJson(const Shown& shown) {
  JsonList backends;
  for (const board::BackendState& backend : shown.backends) backends.AddJson(Backend(backend));
  std::vector<board::Snapshot> running;
  std::vector<board::Snapshot> queued;
  for (const board::Snapshot& job : shown.unfinished)
    (job->state == JobState::kProcessing ? running : queued).push_back(job);
  JsonList running_list;
  const std::size_t running_left_out = Add(
      std::move(running), kMostRunning, running_list,
      [](const jobs::JobStatus& job) { return std::tie(job.backend, job.job_id); }, Running);
  JsonList queued_list;
  const std::size_t queued_left_out = Add(
      std::move(queued), kMostQueued, queued_list,
      [](const jobs::JobStatus& job) {
        return std::tuple(job.queue ? job.queue->position : 0, std::string_view(job.backend),
                          std::string_view(job.job_id));
      },
      Queued);
  JsonList ended;
  for (const board::Snapshot& job : shown.ended) ended.AddJson(Ended(*job));
  return JsonObject()
      .Put("now", Millis(shown.now))
      .PutJson("backends", backends.Json())
      .PutJson("running", running_list.Json())
      .Put("running_left_out", running_left_out)
      .PutJson("queued", queued_list.Json())
      .Put("queued_left_out", queued_left_out)
      .PutJson("ended", ended.Json())
      .Json();
}

}  // namespace web
