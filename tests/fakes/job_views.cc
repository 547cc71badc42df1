#include "fakes/job_views.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "fakes/aiohttp_answers.h"
#include "fakes/job_outputs.h"
#include "fakes/python_number.h"
#include "fakes/url_query.h"

namespace fakes {
namespace {

constexpr std::array<std::string_view, 5> kStatuses = {"pending", "in_progress", "completed", "failed", "cancelled"};

Answer Complaint(const ComfyModel& model, const std::string& message, int status = 400) {
  return JsonAnswer(model.version, ToText(Json::Object({{"error", Json::String(message)}})), status);
}

// Absent rather than null.
void SetUnlessNull(Json* job, std::string_view key, const Json* value) {
  if (value && !value->is_null()) job->Set(key, *value);
}

// value.get(key) of something that must be a dict; nullptr when absent.
const Json* Get(const Json* value, std::string_view key) {
  if (!value) return nullptr;
  if (!value->is_object()) throw PythonError("AttributeError: no dict");
  return value->Find(key);
}

const Json* WorkflowId(const Json& extra_data) {
  return Get(Get(Get(&extra_data, "extra_pnginfo"), "workflow"), "id");
}

Json QueuedJob(const QueueItem& item, std::string_view status) {
  const Json row = item.ToJson();
  Json job =
      Json::Object({{"id", row.items[1]}, {"status", Json::String(std::string(status))}, {"priority", row.items[0]}});
  SetUnlessNull(&job, "create_time", Get(&item.extra_data, "create_time"));
  job.Set("outputs_count", Json::Int(0));
  job.Set("previewable_outputs_count", Json::Int(0));
  SetUnlessNull(&job, "workflow_id", WorkflowId(item.extra_data));
  return job;
}

// What the messages of history.status tell.
struct Execution {
  const Json* start_time = nullptr;
  const Json* end_time = nullptr;
  const Json* error = nullptr;
  std::string_view status = "completed";
};

Execution ReadStatus(const Json* status) {
  Execution execution;
  if (!status || status->is_null()) return execution;
  bool interrupted = false;
  if (const Json* messages = Get(status, "messages")) {
    for (const Json& message : messages->items) {
      if (message.items.size() < 2 || !message.items[1].is_object()) continue;
      const std::string& event = message.items[0].text;
      const Json& data = message.items[1];
      if (event == "execution_start") execution.start_time = data.Find("timestamp");
      if (event == "execution_error") execution.error = &data;
      if (event == "execution_interrupted") interrupted = true;
      if (event == "execution_success" || event == "execution_error" || event == "execution_interrupted") {
        execution.end_time = data.Find("timestamp");
      }
    }
  }
  const Json* status_str = Get(status, "status_str");
  if (status_str && status_str->text == "error") execution.status = interrupted ? "cancelled" : "failed";
  return execution;
}

Json FinishedJob(const std::string& prompt_id, const HistoryEntry& entry, bool whole) {
  const Json* row = entry.json.Find("prompt");
  if (!row || row->items.size() != 5) throw PythonError("unpacking history_item['prompt']");
  const Json& extra_data = row->items[3];
  const Json* workflow_id = WorkflowId(extra_data);
  const Json* status = entry.json.Find("status");
  const Execution execution = ReadStatus(status);
  const Json* given_outputs = entry.json.Find("outputs");
  const Json outputs = given_outputs ? *given_outputs : Json::Object();
  const OutputsSummary summary = SummarizeOutputs(outputs);

  Json job = Json::Object({{"id", Json::String(prompt_id)}, {"status", Json::String(std::string(execution.status))}});
  SetUnlessNull(&job, "priority", &row->items[0]);
  SetUnlessNull(&job, "create_time", Get(&extra_data, "create_time"));
  SetUnlessNull(&job, "execution_start_time", execution.start_time);
  SetUnlessNull(&job, "execution_end_time", execution.end_time);
  SetUnlessNull(&job, "execution_error", execution.error);
  job.Set("outputs_count", Json::Int(summary.count));
  job.Set("previewable_outputs_count", Json::Int(summary.previewable_count));
  if (summary.preview) job.Set("preview_output", *summary.preview);
  SetUnlessNull(&job, "workflow_id", workflow_id);
  if (whole) {
    job.Set("outputs", NormalizeOutputs(outputs));
    job.Set("execution_status", status ? *status : Json::Object());
    job.Set("workflow", Json::Object({{"prompt", row->items[2]}, {"extra_data", extra_data}}));
  }
  return job;
}

struct Filter {
  std::set<std::string, std::less<>> statuses;
  std::optional<std::string> workflow_id;
  std::string sort_by = "created_at";
  std::string sort_order = "desc";
  std::optional<int64_t> limit;
  int64_t offset = 0;
};

std::string Lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Fills filter->statuses; the words that are no status, joined.
std::string ReadStatuses(std::string_view list, Filter* filter) {
  std::string invalid;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    std::string word = Lower(std::string(list.substr(begin, end - begin)));
    word.erase(0, std::min(word.find_first_not_of(' '), word.size()));
    word.erase(word.find_last_not_of(' ') + 1);
    begin = end + 1;
    if (word.empty()) continue;
    if (std::find(kStatuses.begin(), kStatuses.end(), word) == kStatuses.end()) {
      invalid += (invalid.empty() ? "" : ", ") + word;
    } else {
      filter->statuses.insert(word);
    }
  }
  return invalid;
}

// The complaint, or "" when the query is good.
std::string ReadQuery(std::string_view query, Filter* filter) {
  const std::string invalid = ReadStatuses(QueryValue(query, "status").value_or(""), filter);
  if (!invalid.empty()) {
    return "Invalid status value(s): " + invalid + ". Valid values: pending, in_progress, completed, failed, cancelled";
  }
  filter->workflow_id = QueryValue(query, "workflow_id");
  filter->sort_by = Lower(QueryValue(query, "sort_by").value_or(filter->sort_by));
  if (filter->sort_by != "created_at" && filter->sort_by != "execution_duration") {
    return "sort_by must be 'created_at' or 'execution_duration'";
  }
  filter->sort_order = Lower(QueryValue(query, "sort_order").value_or(filter->sort_order));
  if (filter->sort_order != "asc" && filter->sort_order != "desc") return "sort_order must be 'asc' or 'desc'";
  if (const auto limit = QueryValue(query, "limit")) {
    filter->limit = IntOf(*limit);
    if (!filter->limit) return "limit must be an integer";
    if (*filter->limit <= 0) return "limit must be a positive integer";
  }
  if (const auto offset = QueryValue(query, "offset")) {
    const auto value = IntOf(*offset);
    if (!value) return "offset must be an integer";
    filter->offset = std::max<int64_t>(*value, 0);
  }
  return "";
}

double SortKey(const Json& job, const std::string& sort_by) {
  const auto number = [&job](std::string_view key) {
    const Json* value = job.Find(key);
    return value ? FloatOf(*value).value_or(0) : 0;
  };
  if (sort_by == "created_at") return number("create_time");
  const double start = number("execution_start_time");
  const double end = number("execution_end_time");
  return start != 0 && end != 0 ? end - start : 0;
}

std::vector<Json> SelectJobs(const ComfyModel& model, const Filter& filter) {
  std::vector<Json> jobs;
  const auto wanted = [&filter](std::string_view s) { return filter.statuses.empty() || filter.statuses.contains(s); };
  if (wanted("in_progress")) {
    for (const QueueItem& item : model.queue.running()) jobs.push_back(QueuedJob(item, "in_progress"));
  }
  if (wanted("pending")) {
    for (const QueueItem& item : model.queue.pending()) jobs.push_back(QueuedJob(item, "pending"));
  }
  if (wanted("completed") || wanted("failed") || wanted("cancelled")) {
    model.queue.VisitHistory(std::nullopt, -1, [&](const std::string& prompt_id, const HistoryEntry& entry) {
      Json job = FinishedJob(prompt_id, entry, /*whole=*/false);
      if (wanted(job.Find("status")->text)) jobs.push_back(std::move(job));
    });
  }
  if (filter.workflow_id && !filter.workflow_id->empty()) {
    std::erase_if(jobs, [&filter](const Json& job) {
      const Json* id = job.Find("workflow_id");
      return !id || !id->is_string() || id->text != *filter.workflow_id;
    });
  }
  const bool descending = filter.sort_order == "desc";
  std::stable_sort(jobs.begin(), jobs.end(), [&](const Json& a, const Json& b) {
    const double first = SortKey(a, filter.sort_by);
    const double second = SortKey(b, filter.sort_by);
    return descending ? first > second : first < second;
  });
  return jobs;
}

}  // namespace

Answer GetJobs(const ComfyModel& model, std::string_view query) {
  Filter filter;
  const std::string complaint = ReadQuery(query, &filter);
  if (!complaint.empty()) return Complaint(model, complaint);

  std::vector<Json> jobs = SelectJobs(model, filter);
  const auto total = static_cast<int64_t>(jobs.size());
  jobs.erase(jobs.begin(), jobs.begin() + std::min(filter.offset, total));
  if (filter.limit && *filter.limit < static_cast<int64_t>(jobs.size())) {
    jobs.resize(static_cast<size_t>(*filter.limit));
  }
  const bool has_more = filter.offset + static_cast<int64_t>(jobs.size()) < total;
  const Json pagination = Json::Object({{"offset", Json::Int(filter.offset)},
                                        {"limit", filter.limit ? Json::Int(*filter.limit) : Json()},
                                        {"total", Json::Int(total)},
                                        {"has_more", Json::Bool(has_more)}});
  return JsonAnswer(model.version,
                    ToText(Json::Object({{"jobs", Json::Array(std::move(jobs))}, {"pagination", pagination}})));
}

Answer GetJob(const ComfyModel& model, std::string_view prompt_id) {
  if (const HistoryEntry* entry = model.queue.FindHistory(prompt_id)) {
    if (!entry->encodable) throw PythonError("json.dumps");
    return JsonAnswer(model.version, ToText(FinishedJob(std::string(prompt_id), *entry, /*whole=*/true)));
  }
  for (const QueueItem& item : model.queue.running()) {
    if (item.prompt_id == prompt_id) return JsonAnswer(model.version, ToText(QueuedJob(item, "in_progress")));
  }
  for (const QueueItem& item : model.queue.pending()) {
    if (item.prompt_id == prompt_id) return JsonAnswer(model.version, ToText(QueuedJob(item, "pending")));
  }
  return Complaint(model, "Job not found", 404);
}

namespace {

bool Cancel(ComfyModel* model, std::string_view prompt_id) {
  const auto& running = model->queue.running();
  if (std::any_of(running.begin(), running.end(), [&](const auto& item) { return item.prompt_id == prompt_id; })) {
    model->interrupt = true;
    return true;
  }
  return DeletePending(model, prompt_id);
}

bool IsUuid(const Json& id) {
  return id.is_string() && id.text.size() == 36 && id.text.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

}  // namespace

Answer CancelJob(ComfyModel* model, std::string_view prompt_id) {
  return JsonAnswer(model->version, ToText(Json::Object({{"cancelled", Json::Bool(Cancel(model, prompt_id))}})));
}

Answer CancelJobs(ComfyModel* model, std::string_view body_text) {
  const auto body = ParseJson(body_text);
  if (!body) return Complaint(*model, "Request body must be valid JSON");
  const Json* ids = body->Find("job_ids");
  if (!ids || !ids->is_array()) return Complaint(*model, "job_ids must be a list");
  Json invalid = Json::Array();
  for (const Json& id : ids->items) {
    if (!IsUuid(id)) invalid.items.push_back(Json::String(StrOf(id)));
  }
  if (!invalid.items.empty()) {
    return JsonAnswer(
        model->version,
        ToText(Json::Object({{"error", Json::String("job_ids contains invalid id(s)")}, {"invalid_ids", invalid}})),
        400);
  }
  bool cancelled = false;
  for (const Json& id : ids->items) cancelled = Cancel(model, id.text) || cancelled;
  return JsonAnswer(model->version, ToText(Json::Object({{"cancelled", Json::Bool(cancelled)}})));
}

}  // namespace fakes
