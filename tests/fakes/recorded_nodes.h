#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "fakes/fake_comfy.h"
#include "fakes/recorded_frames.h"

namespace fakes {

// What a recorded ComfyUI's worker did to the nodes of its jobs, as far as that shows in what its sockets were told.
// For one thread.
class RecordedNodes {
 public:
  RecordedNodes(FakeComfy* comfy, const std::vector<Moment>& moments) : comfy_(comfy), moments_(moments) {}

  // Has the running job do what made the server send the message of this moment. Not for status and the end of a job.
  void Do(size_t moment);
  // The message was sent, whatever caused it.
  void Note(const Moment& moment);
  // The running job's node runs by now; does nothing when it has been started.
  void StartIfIdle(const std::string& node_id);

 private:
  void Start(const std::string& node_id, const Expansion& expansion = {});
  void ForgetOtherJobs();
  std::string NodeOf(const Json& progress) const;
  void DoProgressState(size_t moment);
  void Step(const std::string& node_id, const Json& progress, size_t moment);
  const Moment* Next(size_t moment) const;
  std::string PreviewOf(size_t moment) const;

  FakeComfy* const comfy_;
  const std::vector<Moment>& moments_;
  std::string running_;                // the job
  std::vector<std::string> started_;   // its nodes, in the order in which they were started
  std::string prompt_id_;              // of the last progress_state
  std::map<std::string, Json> nodes_;  // in there
};

}  // namespace fakes
