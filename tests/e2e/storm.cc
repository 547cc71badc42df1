#include "e2e/storm.h"

#include <functional>
#include <utility>

namespace e2e {

namespace {

constexpr std::size_t kInQueue = 6;
constexpr int kStepsOfAJob = 4;

bool IsTerminal(pb::JobState state) {
  return state != pb::JOB_STATE_QUEUED && state != pb::JOB_STATE_PROCESSING;
}

}  // namespace

Storm::Storm(fakes::FakeComfy& comfy, std::string client_id, unsigned seed)
    : comfy_(comfy),
      client_id_(std::move(client_id)),
      random_(seed),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void Storm::Told(const std::string& job_id, pb::JobState state) {
  // What ComfyUI has forgotten only the service still knows.
  if (IsTerminal(state) && std::hash<std::string>()(job_id) % 2 == 0) comfy_.DeleteHistory(job_id);
  const std::lock_guard lock(mutex_);
  told_.insert(job_id);
  ++news_;
  told_changed_.notify_all();
}

void Storm::End() {
  thread_.request_stop();
  if (thread_.joinable()) thread_.join();
  while (MoveOn(false)) {
  }
}

std::set<pb::JobState> Storm::EndsOf(const std::string& job_id) const {
  const std::lock_guard lock(mutex_);
  const auto ends = ends_.find(job_id);
  return ends == ends_.end() ? std::set<pb::JobState>() : ends->second;
}

void Storm::Run(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    const int known = news_;
    lock.unlock();
    const bool moved = MoveOn(true);
    lock.lock();
    if (!moved) told_changed_.wait(lock, stop, [&] { return news_ != known; });
  }
}

// One thing that happens; false: nothing can.
bool Storm::MoveOn(bool more) {
  const std::vector<std::string> running = comfy_.running();
  const std::vector<std::string> pending = comfy_.pending();
  const auto told = [this](const std::string& job_id) {
    const std::lock_guard lock(mutex_);
    return told_.contains(job_id);
  };
  if (more && running.size() + pending.size() < kInQueue) {
    comfy_.Submit({.prompt_id = "job-" + std::to_string(++submitted_), .client_id = client_id_});
    return true;
  }
  if (!pending.empty() && random_() % 16 == 0 && told(pending.back())) {
    {
      const std::lock_guard lock(mutex_);
      ends_[pending.back()] = {pb::JOB_STATE_CANCELLED, pb::JOB_STATE_LOST};  // as it was seen without a gap or not
    }
    comfy_.DeletePending({pending.back()});
    return true;
  }
  if (running.empty()) {
    if (pending.empty() || !told(pending.front())) return false;
    steps_ = 0;
    comfy_.StartNext();
    comfy_.StartNode("3");
    return true;
  }
  if (!told(running.front())) return false;
  if (steps_ < kStepsOfAJob) {
    comfy_.Step("3", ++steps_, kStepsOfAJob);
  } else {
    Finish(running.front());
  }
  return true;
}

void Storm::Finish(const std::string& job_id) {
  const unsigned how = random_() % 4;
  {
    const std::lock_guard lock(mutex_);
    ends_[job_id] = {how == 0 ? pb::JOB_STATE_FAILED : how == 1 ? pb::JOB_STATE_CANCELLED : pb::JOB_STATE_COMPLETED};
  }
  if (how == 0) {
    comfy_.FinishError({.exception_message = job_id});
  } else if (how == 1) {
    comfy_.FinishInterrupted();
  } else {
    comfy_.FinishSuccess(R"({"9": {"images": [{"filename": ")" + job_id +
                         R"(.png", "subfolder": "", "type": "output"}]}})");
  }
}

}  // namespace e2e
