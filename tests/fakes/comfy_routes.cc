#include "fakes/comfy_routes.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>

#include "fakes/aiohttp_answers.h"
#include "fakes/job_views.h"
#include "fakes/post_prompt.h"
#include "fakes/python_number.h"
#include "fakes/url_query.h"

namespace fakes {
namespace {

struct Call {
  ComfyModel* model;
  const Request& request;
  std::string id;  // decoded {id} of the path
};

// request.json() of a handler that does not care for errors.
Json BodyOf(const Call& call) {
  auto body = ParseJson(call.request.body);
  if (!body) throw PythonError("request.json()");
  return *std::move(body);
}

// What `for id in json_data["delete"]` walks over.
std::vector<Json> IdsToDelete(const Json& body) {
  const Json* ids = body.Find("delete");
  if (!ids) return {};
  if (ids->is_array()) return ids->items;
  if (ids->is_object() || ids->is_string()) return {};  // keys or letters, which are nobody's ids
  throw PythonError("TypeError: not iterable");
}

Answer GetPrompt(const Call& call) {
  const auto remaining = static_cast<int64_t>(call.model->queue.tasks_remaining());
  return JsonAnswer(call.model->version, "{\"exec_info\": {\"queue_remaining\": " + std::to_string(remaining) + "}}");
}

Answer PostPromptCall(const Call& call) {
  return PostPrompt(call.model, call.request.body);
}

Answer GetQueue(const Call& call) {
  const PromptQueue& queue = call.model->queue;
  return JsonAnswer(call.model->version, "{\"queue_running\": " + ItemsJson(queue.running()) +
                                             ", \"queue_pending\": " + ItemsJson(queue.pending()) + "}");
}

Answer PostQueue(const Call& call) {
  const Json body = BodyOf(call);
  if (SaysClear(body)) ClearPending(call.model);
  for (const Json& id : IdsToDelete(body)) {
    if (id.is_string()) DeletePending(call.model, id.text);
  }
  return EmptyAnswer(call.model->version);
}

std::optional<int64_t> IntParameter(const Call& call, std::string_view name) {
  const auto text = QueryValue(call.request.query(), name);
  if (!text) return std::nullopt;
  const auto value = IntOf(*text);
  if (!value) throw PythonError("ValueError: int()");
  return value;
}

Answer GetHistory(const Call& call) {
  const auto max_items = IntParameter(call, "max_items");
  const int64_t offset = call.model->version.history_offset ? IntParameter(call, "offset").value_or(-1) : -1;
  std::string body;
  call.model->queue.VisitHistory(max_items, offset, [&body](const std::string& prompt_id, const HistoryEntry& entry) {
    if (!entry.encodable) throw PythonError("TypeError: not JSON serializable");
    body += (body.empty() ? "" : ", ") + Quoted(prompt_id) + ": " + ToText(entry.json);
  });
  return JsonAnswer(call.model->version, "{" + body + "}");
}

Answer PostHistory(const Call& call) {
  const Json body = BodyOf(call);
  if (SaysClear(body)) call.model->queue.ClearHistory();
  for (const Json& id : IdsToDelete(body)) {
    if (id.is_array() || id.is_object()) throw PythonError("TypeError: unhashable");
    if (id.is_string()) call.model->queue.DeleteHistory(id.text);
  }
  return EmptyAnswer(call.model->version);
}

Answer GetHistoryOf(const Call& call) {
  const HistoryEntry* entry = call.model->queue.FindHistory(call.id);
  if (!entry) return JsonAnswer(call.model->version, "{}");
  if (!entry->encodable) throw PythonError("TypeError: not JSON serializable");
  return JsonAnswer(call.model->version, "{" + Quoted(call.id) + ": " + ToText(entry->json) + "}");
}

Answer PostInterrupt(const Call& call) {
  ComfyModel& model = *call.model;
  if (model.version.targeted_interrupt) {
    const Json body = ParseJson(call.request.body).value_or(Json::Object());
    if (!body.is_object()) throw PythonError("AttributeError: get");
    const Json* target = body.Find("prompt_id");
    if (target && !(target->is_null() || (target->is_string() && target->text.empty()))) {
      const auto& running = model.queue.running();
      if (!std::any_of(running.begin(), running.end(),
                       [&](const auto& item) { return target->is_string() && item.prompt_id == target->text; })) {
        return EmptyAnswer(model.version);
      }
    }
  }
  model.interrupt = true;
  return EmptyAnswer(model.version);
}

Answer GetSystemStats(const Call& call) {
  return JsonAnswer(call.model->version, std::string(call.model->version.system_stats));
}

Answer GetFeatures(const Call& call) {
  return JsonAnswer(call.model->version, std::string(call.model->version.features));
}

Answer GetJobsCall(const Call& call) {
  return GetJobs(*call.model, call.request.query());
}
Answer GetJobCall(const Call& call) {
  return GetJob(*call.model, call.id);
}
Answer CancelJobCall(const Call& call) {
  return CancelJob(call.model, call.id);
}
Answer CancelJobsCall(const Call& call) {
  return CancelJobs(call.model, call.request.body);
}

Answer GetWs(const Call& call) {
  const auto upgrade = call.request.headers.find("upgrade");
  if (call.request.is_upgrade) return WebSocketAnswer(call.model->version);
  return BadRequest(
      call.model->version,
      "No WebSocket UPGRADE hdr: " + (upgrade == call.request.headers.end() ? std::string("None") : upgrade->second) +
          "\n Can \"Upgrade\" only to \"WebSocket\".");
}

// One grey pixel, whatever the name.
Answer GetView(const Call& call) {
  static constexpr unsigned char kPng[] = {
      0x89, 'P',  'N',  'G',  0x0D, 0x0A, 0x1A, 0x0A, 0,    0,    0,    13,   'I',  'H',  'D',  'R',  0,
      0,    0,    1,    0,    0,    0,    1,    8,    0,    0,    0,    0,    0x3A, 0x7E, 0x9B, 0x55, 0,
      0,    0,    10,   'I',  'D',  'A',  'T',  0x78, 0x9C, 0x63, 0x68, 0x00, 0x00, 0x00, 0x82, 0x00, 0x81,
      0x77, 0xCD, 0x72, 0xB6, 0,    0,    0,    0,    'I',  'E',  'N',  'D',  0xAE, 0x42, 0x60, 0x82};
  Answer answer = JsonAnswer(call.model->version, std::string(std::begin(kPng), std::end(kPng)));
  answer.headers.front().second = "image/png";
  return answer;
}

bool Always(const ComfyVersion&) {
  return true;
}
bool HasFeatures(const ComfyVersion& version) {
  return !version.features.empty();
}
bool HasJobs(const ComfyVersion& version) {
  return version.jobs;
}

struct Route {
  std::string_view method;
  std::string_view before_id;  // "/history/" + id + after_id; without id the whole path
  bool has_id;
  std::string_view after_id;
  bool (*exists)(const ComfyVersion&);
  Answer (*handle)(const Call&);
};

// /api/jobs carries its prefix itself. /api/jobs/cancel stands before /api/jobs/{id}.
constexpr std::array kRoutes = {
    Route{"GET", "/prompt", false, "", Always, GetPrompt},
    Route{"POST", "/prompt", false, "", Always, PostPromptCall},
    Route{"GET", "/queue", false, "", Always, GetQueue},
    Route{"POST", "/queue", false, "", Always, PostQueue},
    Route{"GET", "/history", false, "", Always, GetHistory},
    Route{"POST", "/history", false, "", Always, PostHistory},
    Route{"GET", "/history/", true, "", Always, GetHistoryOf},
    Route{"POST", "/interrupt", false, "", Always, PostInterrupt},
    Route{"GET", "/system_stats", false, "", Always, GetSystemStats},
    Route{"GET", "/features", false, "", HasFeatures, GetFeatures},
    Route{"GET", "/api/jobs", false, "", HasJobs, GetJobsCall},
    Route{"POST", "/api/jobs/cancel", false, "", HasJobs, CancelJobsCall},
    Route{"POST", "/api/jobs/", true, "/cancel", HasJobs, CancelJobCall},
    Route{"GET", "/api/jobs/", true, "", HasJobs, GetJobCall},
    Route{"GET", "/view", false, "", Always, GetView},
    Route{"GET", "/ws", false, "", Always, GetWs},
};

// The {id} of `path`, still encoded: one segment, not empty; "" for a route without one. nullopt: no match.
std::optional<std::string_view> Match(const Route& route, std::string_view path) {
  if (!route.has_id) return path == route.before_id ? std::optional(std::string_view()) : std::nullopt;
  if (!path.starts_with(route.before_id) || !path.ends_with(route.after_id) ||
      path.size() <= route.before_id.size() + route.after_id.size()) {
    return std::nullopt;
  }
  const auto id = path.substr(route.before_id.size(), path.size() - route.before_id.size() - route.after_id.size());
  return id.find('/') == std::string_view::npos ? std::optional(id) : std::nullopt;
}

Answer Dispatch(ComfyModel* model, const Request& request, std::string_view path) {
  const ComfyVersion& version = model->version;
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  const std::string_view short_path = version.api_prefix && path.starts_with("/api/") ? path.substr(4) : path;
  bool posts = false;
  for (const Route& route : kRoutes) {
    if (!route.exists(version)) continue;
    auto id = Match(route, path);
    if (!id) id = Match(route, short_path);
    if (!id) continue;
    if (route.method == method) return route.handle({model, request, PercentDecode(*id)});
    posts = posts || route.method == "POST";
  }
  // The web files are mounted on "/" for GET and HEAD: any path is found for other methods, and no file for GET.
  if (method == "GET") return NotFound(version);
  return MethodNotAllowed(version, posts ? "GET,HEAD,POST" : "GET,HEAD");
}

}  // namespace

bool SaysClear(const Json& body) {
  const Json* clear = body.Find("clear");
  return clear && clear->kind == Json::Kind::kBool && clear->boolean;
}

Answer AnswerRequest(ComfyModel* model, const Request& request, std::string_view path) {
  if (request.target.size() > kMaxRequestLine) return LineTooLong(model->version, request.target);
  if (request.method == "OPTIONS" && model->version.answers_options) return OptionsAnswer(model->version);
  try {
    return Dispatch(model, request, path);
  } catch (const PythonError&) {
    return InternalServerError(model->version);
  }
}

}  // namespace fakes
