#include "comfy/answers.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "comfy/history_json.h"
#include "comfy/json.h"
#include "comfy/workflow_json.h"
#include "jobs/text.h"

namespace comfy {

struct AnswerReader::Parser {
  json::parser parser;
};

AnswerReader::AnswerReader() : parser_(std::make_unique<Parser>()) {}
AnswerReader::~AnswerReader() = default;

namespace {

constexpr std::size_t kMaxVersionBytes = 64;
constexpr std::size_t kMaxClientIdBytes = 1024;  // in a URL it may take three times as much; the limit is 8190

std::unexpected<BadAnswer> Bad(std::string why) {
  return std::unexpected(BadAnswer{std::move(why)});
}

std::unexpected<BadAnswer> Broken(simdjson::error_code error) {
  return Bad(std::string("not the JSON that ComfyUI sends: ") + simdjson::error_message(error));
}

// Walks the fields of the document's one object, and refuses what On-Demand would not look at: bytes behind its end.
template <class Read>
simdjson::error_code EachRootField(json::parser& parser, const Body& body, Read&& read) {
  if (body.size() == 0) return simdjson::EMPTY;
  // As the body does, it gives back what only a huge one needed.
  if (parser.capacity() > Body::kKeepBytes && body.size() <= Body::kKeepBytes) parser = json::parser();
  json::document document;
  json::object root;
  if (const auto error = parser.iterate(body.data(), body.size(), body.capacity()).get(document)) return error;
  if (const auto error = document.get_object().get(root)) return error;
  if (const auto error = EachField(root, read)) return error;
  return document.current_location().error() == simdjson::OUT_OF_BOUNDS ? simdjson::SUCCESS
                                                                        : simdjson::TRAILING_CONTENT;
}

// extra_data: who submitted the job, and when. It may be anything but an object, too (before 0.3.69).
simdjson::error_code ReadExtraData(json::value& extra_data, jobs::QueueItem& item, const Wanted& wanted,
                                   QueueAnswer& answer) {
  item.submitter = jobs::Submitter::kNobody;
  return EachField(extra_data, [&](std::string_view key, json::value& value) {
    if (key == "create_time") item.create_time = TimeFromMillis(value);
    if (key != "client_id" || IsNull(value)) return simdjson::SUCCESS;
    // One that is no string is an owner all the same, whom nobody can be.
    item.submitter = jobs::Submitter::kOther;
    auto client_id = ExactString(value);
    if (client_id && *client_id == wanted.client_id) {
      item.submitter = jobs::Submitter::kService;
    } else if (client_id && !client_id->empty() && client_id->size() <= kMaxClientIdBytes) {
      answer.client_ids[{item.job_id, item.number}] = *std::move(client_id);
    }
    return simdjson::SUCCESS;
  });
}

// A queue item: [number, prompt_id, prompt, extra_data, outputs, …]. Whatever is odd about it, it takes a place.
// `nodes_read`: of all workflows of this answer.
simdjson::error_code ReadQueueItem(json::value& item_value, jobs::QueueItem& item, const Wanted& wanted,
                                   QueueAnswer& answer, std::size_t& nodes_read) {
  bool is_wanted = false;
  std::vector<jobs::WorkflowNodeSource> nodes;
  std::vector<std::string> outputs;
  const auto error = EachElement(item_value, [&](std::size_t index, json::value& value) {
    if (index == 0) item.number = Number(value);
    if (index == 1) {
      item.job_id = ExactString(value).value_or("");
      is_wanted =
          wanted.workflow && nodes_read <= AnswerReader::kMaxNodesAtOnce && wanted.workflow(item.job_id, item.number);
    }
    if (index == 2 && is_wanted) return ReadGraph(value, nodes);
    if (index == 3 && is_wanted) return ReadExtraData(value, item, wanted, answer);
    if (index == 3) return ReadCreateTime(value, item.create_time);
    if (index == 4 && is_wanted) return ReadOutputIds(value, outputs);
    return simdjson::SUCCESS;
  });
  if (error || !is_wanted) return error;
  nodes_read += nodes.size();
  if (auto workflow = jobs::Workflow::Build(nodes, outputs)) {
    item.workflow = std::make_shared<const jobs::Workflow>(*std::move(workflow));
  }
  return simdjson::SUCCESS;
}

simdjson::error_code ReadQueueItems(json::value& list, std::vector<jobs::QueueItem>& items, const Wanted& wanted,
                                    QueueAnswer& answer, std::size_t& nodes_read) {
  return EachElement(list, [&](std::size_t, json::value& item) {
    return ReadQueueItem(item, items.emplace_back(), wanted, answer, nodes_read);
  });
}

simdjson::error_code ReadApiJob(json::value& job, jobs::QueueListing& listing) {
  jobs::QueueItem item;
  std::string status;
  const auto error = EachField(job, [&](std::string_view key, json::value& value) {
    if (key == "id") item.job_id = ExactString(value).value_or("");
    if (key == "status") status = TextOrEmpty(value);
    if (key == "priority") item.number = Number(value);
    if (key == "create_time") item.create_time = TimeFromMillis(value);
    return simdjson::SUCCESS;
  });
  if (status == "in_progress") listing.running.push_back(std::move(item));
  if (status == "pending") listing.pending.push_back(std::move(item));
  return error;
}

}  // namespace

std::expected<QueueAnswer, BadAnswer> AnswerReader::Queue(const Body& body, const Wanted& wanted) {
  QueueAnswer answer;
  jobs::QueueListing& listing = answer.listing;
  std::size_t nodes_read = 0;
  bool has_running = false;
  bool has_pending = false;
  const auto error = EachRootField(parser_->parser, body, [&](std::string_view key, json::value& value) {
    if (key == "queue_running" && (has_running = IsArray(value)))
      return ReadQueueItems(value, listing.running, wanted, answer, nodes_read);
    if (key == "queue_pending" && (has_pending = IsArray(value)))
      return ReadQueueItems(value, listing.pending, wanted, answer, nodes_read);
    return simdjson::SUCCESS;
  });
  if (error) return Broken(error);
  if (!has_running || !has_pending) return Bad("without queue_running and queue_pending; is this a ComfyUI server?");
  jobs::SortPending(listing.pending);
  return answer;
}

std::expected<jobs::QueueListing, BadAnswer> AnswerReader::JobsAsQueue(const Body& body) {
  jobs::QueueListing listing;
  bool has_jobs = false;
  const auto error = EachRootField(parser_->parser, body, [&](std::string_view key, json::value& value) {
    if (key != "jobs" || !(has_jobs = IsArray(value))) return simdjson::SUCCESS;
    return EachElement(value, [&](std::size_t, json::value& job) { return ReadApiJob(job, listing); });
  });
  if (error) return Broken(error);
  if (!has_jobs) return Bad("without a list of jobs; is this a ComfyUI server?");
  jobs::SortPending(listing.pending);
  return listing;
}

std::expected<std::optional<jobs::HistoryEntry>, BadAnswer> AnswerReader::History(const Body& body,
                                                                                  std::string_view job_id,
                                                                                  const Address& comfyui) {
  std::optional<jobs::HistoryEntry> entry;
  bool odd = false;
  const auto error = EachRootField(parser_->parser, body, [&](std::string_view key, json::value& value) {
    if (key != job_id) return simdjson::SUCCESS;
    if (!IsObject(value)) {
      odd = true;
      return simdjson::SUCCESS;
    }
    return ReadHistoryEntry(value, comfyui, entry.emplace());
  });
  if (error) return Broken(error);
  if (odd) return Bad("a history entry that is not an object");
  return entry;
}

std::expected<int, BadAnswer> AnswerReader::QueueRemaining(const Body& body) {
  std::optional<std::int64_t> remaining;
  const auto error = EachRootField(parser_->parser, body, [&](std::string_view key, json::value& value) {
    if (key != "exec_info") return simdjson::SUCCESS;
    return EachField(value, [&](std::string_view name, json::value& count) {
      if (name == "queue_remaining") remaining = Integer(count);
      return simdjson::SUCCESS;
    });
  });
  if (error) return Broken(error);
  if (!remaining || *remaining < 0) return Bad("without queue_remaining; is this a ComfyUI server?");
  return static_cast<int>(std::min<std::int64_t>(*remaining, std::numeric_limits<int>::max()));
}

std::expected<std::string, BadAnswer> AnswerReader::ComfyuiVersion(const Body& body) {
  std::string version;
  const auto error = EachRootField(parser_->parser, body, [&](std::string_view key, json::value& value) {
    if (key != "system") return simdjson::SUCCESS;
    return EachField(value, [&](std::string_view name, json::value& text) {
      if (name == "comfyui_version") version = jobs::OneLine(TextOrEmpty(text), kMaxVersionBytes);
      return simdjson::SUCCESS;
    });
  });
  if (error) return Broken(error);
  return version;
}

}  // namespace comfy
