#include "bench/parse_documents.h"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>

#include "comfy/test_data.h"
#include "fakes/python_json.h"

namespace bench {
namespace {

using fakes::Json;

Json Recorded(const std::string& name) {
  auto json = fakes::ParseJson(test_data::Read(name));
  if (!json) throw std::runtime_error(name + " is not JSON");
  return *std::move(json);
}

Json& Member(Json& object, std::string_view key) {
  const auto found = std::ranges::find(object.members, key, &std::pair<std::string, Json>::first);
  if (found == object.members.end()) throw std::runtime_error(fmt::format("no {} in a recorded answer", key));
  return found->second;
}

template <class T>
void KeepShare(std::vector<T>& all, double share) {
  all.resize(std::max<std::size_t>(1, static_cast<std::size_t>(static_cast<double>(all.size()) * share)));
}

// A queue item with a prompt of 2000 nodes (270 kB) and the front end's own workflow (1 MB): such a share of both.
Json Item(double share) {
  static const Json recorded = Recorded("v0.33.0/21-big/http/003-queue-1-big-pending.json");
  Json item = recorded.Find("queue_pending")->items.at(0);
  KeepShare(item.items.at(2).members, share);
  KeepShare(Member(Member(Member(item.items.at(3), "extra_pnginfo"), "workflow"), "nodes").items, share);
  KeepShare(item.items.at(4).items, share);
  return item;
}

// An item of about so many bytes.
Json ItemOf(std::size_t bytes) {
  static const double whole = static_cast<double>(fakes::ToText(Item(1)).size());
  return Item(static_cast<double>(bytes) / whole);
}

std::string JobId(std::size_t job) {
  return fmt::format("3f2a8b1c-0000-4000-8000-{:012x}", job);
}

Document HistoryIn(const std::string& file) {
  const Json history = Recorded(file);
  return {.text = fakes::ToText(history), .job_id = history.members.at(0).first};
}

}  // namespace

Document HistoryOf(std::size_t bytes) {
  Json history = Recorded("v0.33.0/07-success-images/http/002-history-id-done.json");
  const std::size_t without_prompt = fakes::ToText(history).size();
  auto& [job_id, entry] = history.members.at(0);
  Json item = ItemOf(bytes - std::min(bytes, without_prompt));
  item.items.at(1) = Json::String(job_id);
  Member(entry, "prompt") = std::move(item);
  return {.text = fakes::ToText(history), .job_id = job_id};
}

Document QueueOf(std::size_t bytes) {
  Json item = ItemOf(bytes / kQueuedJobs);
  std::vector<Json> items;
  for (std::size_t job = 0; job < kQueuedJobs; ++job) {
    item.items.at(0) = Json::Int(static_cast<std::int64_t>(job));
    item.items.at(1) = Json::String(JobId(job));
    items.push_back(item);
  }
  const Json running = Json::Array({items.front()});
  items.erase(items.begin());
  return {.text = fakes::ToText(Json::Object({{"queue_running", running}, {"queue_pending", Json::Array(items)}})),
          .job_id = {}};
}

Document HistoryOfManyOutputs() {
  return HistoryIn("v0.3.64/18-text-and-odd-ui/http/006-history-id-ManyImages.json");
}

}  // namespace bench
