#pragma once

#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "archive/counts.h"
#include "board/board.h"
#include "comfy/traffic.h"
#include "jobs/time.h"
#include "rpc/calls.h"
#include "web/process.h"

namespace web {

// The counters of every layer, as they were read.
struct Readings {
  jobs::Time now;
  board::Board::Counts board;
  std::vector<std::pair<std::string, comfy::Traffic::Counts>> traffic;  // by backend
  std::optional<archive::Counts> archive;                               // none: there is no archive
  std::array<rpc::Calls::Counts, rpc::kMethods> calls;
  std::vector<std::pair<std::string, std::uint64_t>> limits_met;  // by the name of the limit
  ProcessReading process;
};

// All metrics in Prometheus' text format. README.md has a table of them. Labels are the names of configured backends
// and words of ours; no job, caller or text of ComfyUI's is in them.
std::string MetricsText(const Readings& readings);

}  // namespace web
