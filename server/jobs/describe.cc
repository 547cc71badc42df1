#include "jobs/describe.h"

#include <string_view>

#include "jobs/text.h"

namespace jobs {
namespace {

constexpr std::size_t kMaxNameBytes = 60;
constexpr std::size_t kMaxMessageBytes = 300;

std::string Ordinal(int n) {
  const int tens = n % 100;
  const int ones = n % 10;
  const std::string_view suffix = tens >= 11 && tens <= 13 ? "th"
                                  : ones == 1              ? "st"
                                  : ones == 2              ? "nd"
                                  : ones == 3              ? "rd"
                                                           : "th";
  return std::to_string(n).append(suffix);
}

std::string Queued(const JobStatus& status) {
  if (!status.queue) return "queued";
  return "queued, " + Ordinal(status.queue->position) + " of " + std::to_string(status.queue->size);
}

std::string Processing(const JobStatus& status) {
  if (!status.progress || !status.progress->current_node) return "processing";
  const NodeProgress& node = *status.progress->current_node;
  std::string line = OneLine(node.node_type.empty() ? "node " + node.node_id : node.node_type, kMaxNameBytes);
  if (node.total_steps > 0) line += " " + std::to_string(node.current_step) + "/" + std::to_string(node.total_steps);
  return line;
}

std::string Completed(const JobStatus& status) {
  const auto count = status.outputs.size() + static_cast<std::size_t>(status.outputs_left_out);
  std::string line = count == 0   ? "completed without outputs"
                     : count == 1 ? "completed with 1 output"
                                  : "completed with " + std::to_string(count) + " outputs";
  if (status.outputs_left_out > 0)
    line += ", of which " + std::to_string(status.outputs_left_out) + " are left out here";
  if (!status.verdict_recorded) line += " (this ComfyUI version does not record whether a job failed)";
  return line;
}

std::string Failed(const JobError& error) {
  const std::string& node = error.node_type.empty() ? error.node_id : error.node_type;
  std::string line = node.empty() ? "failed: " : "failed in " + OneLine(node, kMaxNameBytes) + ": ";
  return line + OneLine(error.message, kMaxMessageBytes);
}

std::string Line(const JobStatus& status) {
  switch (status.state) {
    case JobState::kQueued:
      return Queued(status);
    case JobState::kProcessing:
      return Processing(status);
    case JobState::kCompleted:
      return Completed(status);
    case JobState::kFailed:
      return Failed(*status.error);
    case JobState::kCancelled:
      return "cancelled: " + OneLine(status.error->message, kMaxMessageBytes);
    case JobState::kLost:
      return "lost: " + OneLine(status.error->message, kMaxMessageBytes);
  }
  return {};
}

}  // namespace

std::string Describe(const JobStatus& status) {
  std::string line = Line(status);
  if (status.stale) line += " (as last seen: ComfyUI cannot be reached)";
  return CutText(line, kMaxMessageBytes);
}

}  // namespace jobs
