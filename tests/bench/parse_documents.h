#pragma once

#include <cstddef>
#include <string>

// Answers of ComfyUI in any size: those that were recorded, with more or less in their workflows.
namespace bench {

inline constexpr std::size_t kQueuedJobs = 201;  // one of them runs

struct Document {
  std::string text;
  std::string job_id;  // of a history
};

// GET /history/{id} of a job that made pictures.
Document HistoryOf(std::size_t bytes);

// GET /queue, of so many bytes together.
Document QueueOf(std::size_t bytes);

// GET /history/{id} of a job with thousands of outputs, as it was recorded.
Document HistoryOfManyOutputs();

}  // namespace bench
