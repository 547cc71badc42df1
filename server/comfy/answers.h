#pragma once

#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "comfy/address.h"
#include "comfy/body.h"
#include "comfy/continuity.h"
#include "jobs/history.h"
#include "jobs/queue.h"

namespace comfy {

// Why an answer is not what ComfyUI sends, for a person; without any of the answer's content.
struct BadAnswer {
  std::string why;
};

// Which jobs' workflows are to be read, and what tells our own jobs from others.
struct Wanted {
  std::function<bool(const std::string& job_id, jobs::QueueNumber number)> workflow;  // empty: of none
  std::string_view client_id;                                                         // the service's
};

struct QueueAnswer {
  jobs::QueueListing listing;
  // Client ids that others submitted jobs with, by job id and number; of those that were wanted. They are for taking
  // seats, and never leave comfy/.
  std::map<std::pair<std::string, jobs::QueueNumber>, std::string> client_ids;
  Continuity::Mark seen;  // the point in the watch that this is of
};

// Reads ComfyUI's answers, taking only what a status needs: graphs, extra_data and tokens are walked past, never kept.
// An item of a shape that ComfyUI does not write is passed over (in the queue: counted without an id); an answer that
// is broken as a whole, or lacks what makes it that answer, is refused. Keeps simdjson's parser, so one object should
// read all answers of a backend. Not thread-safe.
class AnswerReader {
 public:
  AnswerReader();
  ~AnswerReader();

  // GET /queue. `pending` comes back in the order of execution. Who submitted them and their workflows are read for the
  // jobs that `wanted` names.
  std::expected<QueueAnswer, BadAnswer> Queue(const Body& body, const Wanted& wanted = {});

  // GET /api/jobs?status=pending,in_progress (since 0.6.0), as the queue it stands for.
  std::expected<jobs::QueueListing, BadAnswer> JobsAsQueue(const Body& body);

  // GET /history/{id}; nothing when the history does not have the job.
  std::expected<std::optional<jobs::HistoryEntry>, BadAnswer> History(const Body& body, std::string_view job_id,
                                                                      const Address& comfyui);

  // GET /prompt: pending and running jobs together.
  std::expected<int, BadAnswer> QueueRemaining(const Body& body);

  // GET /system_stats: `comfyui_version`; empty when the server does not say.
  std::expected<std::string, BadAnswer> ComfyuiVersion(const Body& body);

  // Reading workflows takes time on the thread that serves all backends. Those that are over this in one answer are
  // left for the next.
  static constexpr std::size_t kMaxNodesAtOnce = 20'000;

  // Bounds of what is kept of one history entry; what is over is counted, not kept.
  static constexpr std::size_t kMaxOutputs = 10'000;
  static constexpr std::size_t kMaxOutputBytes =
      2 * 1024 * 1024;  // all outputs together; gRPC callers take 4 MiB by default

 private:
  struct Parser;  // keeps simdjson's header out of this one
  std::unique_ptr<Parser> parser_;
};

}  // namespace comfy
