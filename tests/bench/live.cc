#include "bench/live.h"

#include <fmt/format.h>

#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* kClientId = "jobstatus-bench";
constexpr const char* kOutputs =
    R"({"9": {"images": [{"filename": "ComfyUI_00001_.png", "subfolder": "", "type": "output"}]}})";

std::vector<std::string> Listening(std::vector<std::string> more) {
  more.insert(more.end(), {"--client-id", fmt::format("{}={}", kBackend, kClientId)});
  return more;
}

std::vector<std::string> CommandOf(const fakes::FakeComfy& comfy, const Live::Options& options) {
  auto command = ServerCommand(comfy, options.state_dir, Listening(options.more));
  command.insert(command.begin(), options.under.begin(), options.under.end());
  return options.own_cpu ? OnFirstCpu(std::move(command)) : command;
}

Watchers::Wanted AtStep(std::string job_id, int step) {
  return [job_id = std::move(job_id), step](const pb::WatchStatusResponse& message) {
    return message.status().job_id() == job_id && message.status().progress().current_node().current_step() == step;
  };
}

}  // namespace

void Rest() {
  std::this_thread::sleep_for(20ms);
}

std::string ProgressEvent(const std::string& job_id, int step) {
  return fmt::format(
      R"({{"type": "progress_state", "data": {{"prompt_id": "{0}", "nodes": {{"3": {{"value": {1}, "max": 1000000, )"
      R"("state": "running", "node_id": "3", "prompt_id": "{0}", "display_node_id": "3", "parent_node_id": null, )"
      R"("real_node_id": "3"}}}}}}}})",
      job_id, step);
}

Watchers::Wanted InState(std::string job_id, pb::JobState state) {
  return [job_id = std::move(job_id), state](const pb::WatchStatusResponse& message) {
    return message.status().job_id() == job_id && message.status().state() == state;
  };
}

std::vector<std::string> ServerCommand(const fakes::FakeComfy& comfy, const std::string& state_dir,
                                       const std::vector<std::string>& more) {
  std::vector<std::string> command = {JOBSTATUS_SERVER, "--listen", "127.0.0.1:0", "--log-level", "error"};
  command.insert(command.end(), {"--backend", fmt::format("{}={}", kBackend, comfy.url()), "--state-dir", state_dir});
  command.insert(command.end(), {"--max-finished-jobs", "100000000"});  // what is forgotten is not measured
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

Live::Live(const Options& options) : server_(CommandOf(comfy_, options)) {
  // Before the first of its messages on a socket of ours, it does not count on live events.
  if (!comfy_.WaitForSocketTexts(1)) throw std::runtime_error("the server does not listen");
  if (options.watchers > 0) watchers_.emplace(server_.address(), options.watchers, NewestRevision(server_.address()));
}

void Live::Open(std::size_t watchers, std::size_t per_connection) {
  watchers_.reset();
  watchers_.emplace(server_.address(), watchers, NewestRevision(server_.address()),
                    (watchers + per_connection - 1) / per_connection);
}

void Live::End() {
  watchers_.reset();
  server_.End();
}

void Live::BeginJob() {
  job_id_ = comfy_.Submit({.client_id = kClientId}).prompt_id;
  step_ = 0;
  watchers_->Expect(InState(job_id_, pb::JOB_STATE_PROCESSING));
  comfy_.StartNext();
  watchers_->AwaitLast();
  comfy_.Cached({});
  comfy_.StartNode("3");
}

Micros Live::Progress() {
  watchers_->Expect(AtStep(job_id_, ++step_));
  const auto sent = Clock::now();
  comfy_.SendFrame(ProgressEvent(job_id_, step_), kClientId);
  return watchers_->AwaitLast() - sent;
}

Micros Live::EndJob() {
  watchers_->Expect(InState(job_id_, pb::JOB_STATE_COMPLETED));
  const auto sent = Clock::now();
  comfy_.FinishNode("3");  // a run ends with its last node
  comfy_.FinishSuccess(kOutputs);
  return watchers_->AwaitLast() - sent;
}

}  // namespace bench
