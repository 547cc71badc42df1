#include "evaluation/recorded_jobs.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "fakes/python_json.h"
#include "fakes/python_number.h"
#include "fakes/recording.h"

namespace evaluation {
namespace {

namespace fs = std::filesystem;
using fakes::Json;

constexpr std::size_t kMaxBytes = 1 << 20;  // larger answers and frames only repeat what smaller ones said

struct Event {
  double at = 0;
  std::string type;
  Json data;
};

struct Found {
  Json graph;
  std::vector<std::string> outputs;
  std::optional<double> submitted, began, ended;  // by ComfyUI's history, and when it was sent
  bool completed = false;
  std::vector<Event> events;  // as one socket heard them
};

using FoundJobs = std::map<std::string, Found>;

double NumberOf(const Json* json) {
  return json == nullptr ? 0 : fakes::FloatOf(*json).value_or(0);
}

std::string TextOf(const Json* json) {
  return json != nullptr && json->is_string() ? json->text : "";
}

// An item of the queue, or the `prompt` of an entry of the history.
void AddItem(const Json& item, FoundJobs& jobs) {
  if (item.items.size() < 5 || !item.items[1].is_string() || !item.items[2].is_object()) return;
  Found& found = jobs[item.items[1].text];
  found.graph = item.items[2];
  found.outputs.clear();
  for (const Json& output : item.items[4].items) found.outputs.push_back(output.text);
}

void AddEntry(const std::string& id, const Json& entry, FoundJobs& jobs) {
  if (const Json* prompt = entry.Find("prompt")) AddItem(*prompt, jobs);
  const Json* status = entry.Find("status");
  const Json* messages = status == nullptr ? nullptr : status->Find("messages");
  if (messages == nullptr || !jobs.contains(id)) return;
  Found& found = jobs[id];
  for (const Json& message : messages->items) {
    if (message.items.size() != 2) continue;
    const std::string& type = message.items[0].text;
    const double at = NumberOf(message.items[1].Find("timestamp")) / 1000;
    if (at == 0) continue;
    if (type == "execution_start") found.began = at;
    if (type == "execution_success" || type == "execution_error" || type == "execution_interrupted") found.ended = at;
    found.completed = type == "execution_success";
  }
}

void AddExchange(const fakes::Exchange& exchange, FoundJobs& jobs) {
  if (exchange.body.size() > kMaxBytes || exchange.status != 200) return;
  const auto is = [&](std::string_view path) { return exchange.path.find(path) != std::string::npos; };
  if (!is("/prompt") && !is("/queue") && !is("/history")) return;
  const auto answer = fakes::ParseJson(exchange.body);
  if (!answer) return;
  if (exchange.method == "POST" && is("/prompt")) {
    const auto asked = fakes::ParseJson(exchange.request_body);
    const std::string id = TextOf(answer->Find("prompt_id"));
    const Json* graph = asked ? asked->Find("prompt") : nullptr;
    if (id.empty() || graph == nullptr) return;
    Found& found = jobs[id];
    if (found.outputs.empty()) found.graph = *graph;
    found.submitted = static_cast<double>(exchange.requested_ms) / 1000;
  } else if (is("/queue")) {
    for (const char* list : {"queue_running", "queue_pending"}) {
      if (const Json* items = answer->Find(list)) {
        for (const Json& item : items->items) AddItem(item, jobs);
      }
    }
  } else if (is("/history")) {
    for (const auto& [id, entry] : answer->members) AddEntry(id, entry, jobs);
  }
}

// Of all sockets, the one that heard the most of a job is taken.
void AddSocket(const fs::path& file, FoundJobs& jobs) {
  std::map<std::string, std::vector<Event>> heard;
  std::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (line.size() > kMaxBytes || line.find("prompt_id") == std::string::npos) continue;
    const auto frame = fakes::ParseJson(line);
    if (!frame || TextOf(frame->Find("dir")) != "in" || TextOf(frame->Find("op")) != "text") continue;
    const auto message = fakes::ParseJson(TextOf(frame->Find("text")));
    const Json* data = message ? message->Find("data") : nullptr;
    if (data == nullptr) continue;
    const std::string id = TextOf(data->Find("prompt_id"));
    if (!id.empty()) heard[id].push_back({NumberOf(frame->Find("t")), TextOf(message->Find("type")), *data});
  }
  for (auto& [id, events] : heard) {
    const bool whole = std::ranges::any_of(events, [](const Event& e) { return e.type == "execution_start"; });
    if (whole && jobs.contains(id) && events.size() > jobs[id].events.size()) jobs[id].events = std::move(events);
  }
}

std::shared_ptr<const jobs::Workflow> WorkflowOf(const Found& found) {
  std::vector<jobs::WorkflowNodeSource> nodes;
  std::set<std::string> fed;
  for (const auto& [id, node] : found.graph.members) {
    jobs::WorkflowNodeSource source{.id = id, .class_type = TextOf(node.Find("class_type"))};
    const Json* inputs = node.Find("inputs");
    if (inputs == nullptr) continue;
    for (const auto& [name, value] : inputs->members) {
      if (value.is_array() && value.items.size() == 2 && value.items[0].is_string()) {
        source.links.push_back({name, value.items[0].text, value.items[1].text});
        fed.insert(value.items[0].text);
      } else {
        source.literals.push_back({name, fakes::ToText(value)});
      }
    }
    nodes.push_back(std::move(source));
  }
  std::vector<std::string> outputs = found.outputs;
  if (outputs.empty()) {
    for (const auto& node : nodes) {
      if (!fed.contains(node.id)) outputs.push_back(node.id);
    }
  }
  auto workflow = jobs::Workflow::Build(nodes, outputs);
  return workflow ? std::make_shared<const jobs::Workflow>(std::move(*workflow)) : nullptr;
}

// Since 0.9.2 not every step is told; those between are taken to be as long as each other.
void AddStep(PlayedNode& node, double step, double steps, double at) {
  node.steps = static_cast<int>(std::clamp(steps, 0.0, 1e5));
  const double since = node.step_times.empty() ? node.began : node.step_times.back();
  const double missed = std::min(step, steps) - static_cast<double>(node.step_times.size());
  for (double i = 1; i <= missed; ++i) node.step_times.push_back(since + (at - since) * i / missed);
}

void Hear(const Found& found, PlayedJob& job) {
  job.heard = true;
  job.completed = true;
  job.began = found.events.front().at;
  job.ended = 0;
  PlayedNode* current = nullptr;
  const auto end_current = [&](double at) {
    if (current != nullptr) current->ended = at - job.began;
    current = nullptr;
  };
  for (const Event& event : found.events) {
    if (event.type == "execution_start") job.began = event.at;
    const auto node = job.workflow->Find(TextOf(event.data.Find("node")));
    if (event.type == "execution_cached") {
      if (const Json* cached = event.data.Find("nodes")) {
        for (const Json& id : cached->items) {
          if (const auto n = job.workflow->Find(id.text)) job.nodes[*n].cached = true;
        }
      }
    } else if (event.type == "executing") {
      end_current(event.at);
      if (!node) {
        if (job.ended == 0) job.ended = event.at;
        continue;
      }
      current = &job.nodes[*node];
      *current = {.ran = true, .began = event.at - job.began, .ended = 1e18};
    } else if (event.type == "progress" && current != nullptr && node && current == &job.nodes[*node]) {
      AddStep(*current, NumberOf(event.data.Find("value")), NumberOf(event.data.Find("max")), event.at - job.began);
    } else if (event.type == "execution_success" || event.type == "execution_interrupted" ||
               (event.type == "execution_error" && event.data.Find("timestamp") != nullptr)) {
      end_current(event.at);
      job.completed = job.completed && event.type == "execution_success";
      job.ended = event.at;
    } else if (event.type == "execution_error" && TextOf(event.data.Find("exception_type")) != "ExecutionBlocked") {
      job.completed = false;  // before July 2024
    }
  }
}

}  // namespace

std::vector<PlayedJob> RecordedJobs(const fs::path& recordings, const std::string& version) {
  std::vector<PlayedJob> jobs;
  if (!fs::is_directory(recordings / version)) return jobs;
  std::set<fs::path> scenarios;
  for (const auto& entry : fs::directory_iterator(recordings / version)) scenarios.insert(entry.path());
  for (const fs::path& scenario : scenarios) {
    if (!fs::is_directory(scenario / "http")) continue;
    FoundJobs found_jobs;
    for (const auto& exchange : fakes::LoadRecording(recordings, version, scenario.filename()).exchanges) {
      AddExchange(exchange, found_jobs);
    }
    if (fs::is_directory(scenario / "ws")) {
      for (const auto& file : fs::directory_iterator(scenario / "ws")) {
        if (file.path().extension() == ".jsonl") AddSocket(file.path(), found_jobs);
      }
    }
    for (const auto& [id, found] : found_jobs) {
      if (!found.graph.is_object()) continue;
      PlayedJob job{.workflow = WorkflowOf(found), .heard = false, .completed = found.completed};
      if (!job.workflow || job.workflow->nodes().empty()) continue;
      job.nodes.resize(job.workflow->nodes().size());
      job.began = found.began.value_or(0);
      job.ended = found.ended.value_or(0);
      if (!found.events.empty()) Hear(found, job);
      if (job.began == 0 || job.ended <= job.began) continue;
      job.submitted = std::min(found.submitted.value_or(job.began), job.began);
      for (const auto& node : job.workflow->nodes()) job.family += node.class_type + " ";
      jobs.push_back(std::move(job));
    }
  }
  std::ranges::sort(jobs, {}, &PlayedJob::began);
  // One at a time, and submitted in the order in which they ran, as far as the queue is concerned.
  std::vector<PlayedJob> in_turn;
  for (PlayedJob& job : jobs) {
    if (!in_turn.empty() && job.began < in_turn.back().ended - 0.05) continue;
    if (!in_turn.empty()) {
      job.began = std::max(job.began, in_turn.back().ended);
      job.submitted = std::max(job.submitted, in_turn.back().submitted);
    }
    if (job.began < job.ended) in_turn.push_back(std::move(job));
  }
  double start = in_turn.empty() ? 0 : in_turn.front().submitted - 1;
  for (PlayedJob& job : in_turn) {
    job.submitted -= start;
    job.began -= start;
    job.ended -= start;
  }
  return in_turn;
}

}  // namespace evaluation
