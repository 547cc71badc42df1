#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>

#include "comfyui/jobstatus/v1/job_status.pb.h"
#include "fakes/fake_comfy.h"

namespace e2e {

namespace pb = comfyui::jobstatus::v1;

// A ComfyUI at work: jobs come, run step by step and end in every way, one after the other without a pause. A job only
// moves on once somebody was told of it, so that the service has seen it; how it ends may happen when nobody looks.
class Storm {
 public:
  // Jobs are submitted with `client_id`, so that their steps are heard.
  Storm(fakes::FakeComfy& comfy, std::string client_id, unsigned seed);
  ~Storm() { End(); }

  // Somebody was told that the job is in that state. Half of the verdicts are taken out of ComfyUI's history then.
  void Told(const std::string& job_id, pb::JobState state);

  // No more jobs come; returns once nothing moves on by itself.
  void End();

  // The states that an ended job may be told in. Empty: it has not ended.
  std::set<pb::JobState> EndsOf(const std::string& job_id) const;

 private:
  void Run(const std::stop_token& stop);
  bool MoveOn(bool more);
  void Finish(const std::string& job_id);

  fakes::FakeComfy& comfy_;
  const std::string client_id_;
  std::mt19937 random_;
  int submitted_ = 0;
  int steps_ = 0;

  mutable std::mutex mutex_;  // guards the three below
  std::condition_variable_any told_changed_;
  std::set<std::string> told_;
  int news_ = 0;
  std::map<std::string, std::set<pb::JobState>> ends_;
  std::jthread thread_;  // runs Run; it alone uses random_ and the counts
};

}  // namespace e2e
