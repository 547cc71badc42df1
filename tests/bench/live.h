#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/program.h"
#include "bench/watchers.h"
#include "fakes/fake_comfy.h"

namespace bench {

// Each thing is measured after the same rest: what comes right after another thing finds everything awake and does
// better. Three of them are longer than the least time between two reports of one job's progress.
void Rest();

// A progress_state at `step` of a million.
std::string ProgressEvent(const std::string& job_id, int step);

Watchers::Wanted InState(std::string job_id, pb::JobState state);

// The real jobstatus-server in front of `comfy`, which it knows as the backend kBackend.
inline constexpr const char* kBackend = "gpu";
std::vector<std::string> ServerCommand(const fakes::FakeComfy& comfy, const std::string& state_dir,
                                       const std::vector<std::string>& more);

// The service, with the live events of a ComfyUI, and those who watch all of its jobs from now on.
class Live {
 public:
  struct Options {
    std::size_t watchers = 0;  // that are there from the start
    std::string state_dir = "none";
    std::vector<std::string> more = {};   // of the server's command line
    bool own_cpu = false;                 // see OnFirstCpu
    std::vector<std::string> under = {};  // a program that runs the server, with its arguments
  };
  explicit Live(const Options& options);

  // So many who watch, in place of those there were.
  void Open(std::size_t watchers, std::size_t per_connection);

  // Ends those who watch, and the server.
  void End();

  void BeginJob();
  Micros Progress();  // of the job that began
  Micros EndJob();

  const std::string& job_id() const { return job_id_; }  // of the job that began last
  const Program& server() const { return server_; }

 private:
  fakes::FakeComfy comfy_;
  Program server_;
  std::optional<Watchers> watchers_;  // without, nothing can be measured
  std::string job_id_;
  int step_ = 0;
};

}  // namespace bench
