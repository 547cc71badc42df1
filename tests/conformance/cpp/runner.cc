// The runner of the C++ client; ../README.md says what it reads and prints.
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <iostream>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "jobstatus/client.h"

namespace {

using google::protobuf::Message;
using google::protobuf::Struct;
using std::chrono::milliseconds;

namespace pb = comfyui::jobstatus::v1;

std::string ToJson(const Message& message) {
  std::string json;
  if (!google::protobuf::util::MessageToJsonString(message, &json).ok())
    throw std::runtime_error("a message has no JSON form");
  return json;
}

template <typename Type>
Type FromJson(const std::string& json) {
  Type message;
  if (!google::protobuf::util::JsonStringToMessage(json, &message).ok())
    throw std::runtime_error("no JSON of " + message.GetTypeName() + ": " + json);
  return message;
}

// Members of a command; "" or false when absent.
const google::protobuf::Value* Find(const Struct& object, const std::string& name) {
  const auto found = object.fields().find(name);
  return found == object.fields().end() ? nullptr : &found->second;
}
std::string TextIn(const Struct& object, const std::string& name) {
  const auto* value = Find(object, name);
  return value ? value->string_value() : "";
}
bool FlagIn(const Struct& object, const std::string& name) {
  const auto* value = Find(object, name);
  return value && value->bool_value();
}
template <typename Request>
Request RequestIn(const Struct& command) {
  const auto* request = Find(command, "request");
  return request ? FromJson<Request>(ToJson(request->struct_value())) : Request();
}
milliseconds TimeoutIn(const Struct& command) {
  const auto* timeout = Find(command, "timeoutMs");
  return milliseconds(timeout ? static_cast<long long>(timeout->number_value()) : 120'000);
}

milliseconds ToMilliseconds(const google::protobuf::Duration& duration) {
  return std::chrono::seconds(duration.seconds()) + milliseconds(duration.nanos() / 1'000'000);
}

// Watches tell from their own thread, but only one thread at a time has something to tell.
void Tell(const std::string& event, const std::string& more = "") {
  std::cout << R"({"event":")" << event << '"' << more << "}\n" << std::flush;
}

void TellStatus(const jobstatus::JobStatus& status) {
  Tell("status", ",\"status\":" + ToJson(status));
}

const char* NameOf(jobstatus::Code code) {
  using jobstatus::Code;
  switch (code) {
    case Code::kCancelled:
      return "CANCELLED";
    case Code::kUnknown:
      return "UNKNOWN";
    case Code::kInvalidArgument:
      return "INVALID_ARGUMENT";
    case Code::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Code::kNotFound:
      return "NOT_FOUND";
    case Code::kAlreadyExists:
      return "ALREADY_EXISTS";
    case Code::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Code::kResourceExhausted:
      return "RESOURCE_EXHAUSTED";
    case Code::kFailedPrecondition:
      return "FAILED_PRECONDITION";
    case Code::kAborted:
      return "ABORTED";
    case Code::kOutOfRange:
      return "OUT_OF_RANGE";
    case Code::kUnimplemented:
      return "UNIMPLEMENTED";
    case Code::kInternal:
      return "INTERNAL";
    case Code::kUnavailable:
      return "UNAVAILABLE";
    case Code::kDataLoss:
      return "DATA_LOSS";
    case Code::kUnauthenticated:
      return "UNAUTHENTICATED";
  }
  return "UNKNOWN";
}

void TellEnd(const jobstatus::Error& error) {
  Struct told;
  auto& members = *told.mutable_fields();
  members["code"].set_string_value(NameOf(error.code));
  members["reason"].set_string_value(error.reason);
  members["message"].set_string_value(error.message);
  members["requestId"].set_string_value(error.request_id);
  if (error.retry_after) members["retryAfterMs"].set_number_value(static_cast<double>(error.retry_after->count()));
  auto& metadata = *members["metadata"].mutable_struct_value()->mutable_fields();
  for (const auto& [name, value] : error.metadata) metadata[name].set_string_value(value);
  auto& fields = *members["invalidFields"].mutable_list_value();
  for (const auto& [name, description] : error.invalid_fields) fields.add_values()->set_string_value(name);
  std::string json = ToJson(told);
  if (error.last_status) {
    json.pop_back();
    json += ",\"lastStatus\":" + ToJson(*error.last_status) + "}";
  }
  Tell("end", ",\"error\":" + json);
}

// What is shared with the thread that reads stdin.
class Commands {
 public:
  Commands() : reader_([this] { Read(); }) {}

  // Waits for the next call to make; nullopt when there is none to come.
  std::optional<Struct> Next() {
    std::unique_lock lock(mutex_);
    news_.wait(lock, [this] { return ended_ || !calls_.empty(); });
    if (calls_.empty()) return std::nullopt;
    Struct call = std::move(calls_.front());
    calls_.pop_front();
    cancelled_ = false;
    return call;
  }

  // `cancel` cancels this watch, also one that came while it was being started; nullptr: nothing.
  void UnderWay(jobstatus::Watch* watch) {
    const std::lock_guard lock(mutex_);
    under_way_ = watch;
    if (watch && cancelled_) watch->Cancel();
  }

 private:
  void Read() {
    std::string line;
    while (std::getline(std::cin, line)) {
      Struct command = FromJson<Struct>(line);
      const std::lock_guard lock(mutex_);
      if (TextIn(command, "command") == "cancel") {
        cancelled_ = true;
        if (under_way_) under_way_->Cancel();
      } else {
        calls_.push_back(std::move(command));
        news_.notify_one();
      }
    }
    const std::lock_guard lock(mutex_);
    ended_ = true;
    news_.notify_one();
  }

  std::mutex mutex_;  // protects the next five
  std::condition_variable news_;
  std::deque<Struct> calls_;
  jobstatus::Watch* under_way_ = nullptr;
  bool cancelled_ = false;  // the call that was taken last
  bool ended_ = false;
  std::jthread reader_;  // reads stdin to its end
};

jobstatus::Result<jobstatus::Client> Connect(const Struct& command) {
  const auto* value = Find(command, "connect");
  const Struct connect = value ? value->struct_value() : Struct();
  jobstatus::ClientOptions options;
  options.target = TextIn(connect, "target");
  options.ca_file = TextIn(connect, "caFile");
  options.cert_file = TextIn(connect, "certFile");
  options.key_file = TextIn(connect, "keyFile");
  options.token = TextIn(connect, "token");
  options.tls = FlagIn(connect, "tls") || !options.ca_file.empty() || !options.cert_file.empty();
  options.call_timeout = TimeoutIn(command);
  return jobstatus::Client::Create(std::move(options));
}

jobstatus::Result<void> Watch(const jobstatus::Client& client, const Struct& command, Commands& commands) {
  const auto request = RequestIn<pb::WatchStatusRequest>(command);
  jobstatus::WatchEvents events;
  events.on_status = TellStatus;
  events.on_retry = [](const jobstatus::Error&, milliseconds, int) { Tell("retry"); };
  jobstatus::Watch watch = client.Watch({.job_ids = {request.job_ids().begin(), request.job_ids().end()},
                                         .backend = request.backend(),
                                         .after_revision = request.after_revision(),
                                         .min_interval = ToMilliseconds(request.min_interval()),
                                         .wait_for_job = ToMilliseconds(request.wait_for_job()),
                                         .timeout = TimeoutIn(command)},
                                        events);
  commands.UnderWay(&watch);
  auto result = watch.Wait();
  commands.UnderWay(nullptr);
  return result;
}

jobstatus::Result<void> List(const jobstatus::Client& client, const Struct& command) {
  auto request = RequestIn<pb::ListStatusesRequest>(command);
  do {
    const auto page = client.ListStatuses(request);
    if (!page) return std::unexpected(page.error());
    for (const jobstatus::JobStatus& status : page->statuses()) TellStatus(status);
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  return {};
}

jobstatus::Result<void> TellResult(const jobstatus::Result<jobstatus::JobStatus>& status) {
  if (!status) return std::unexpected(status.error());
  TellStatus(*status);
  return {};
}

jobstatus::Result<void> Play(const Struct& command, Commands& commands) {
  const auto client = Connect(command);
  if (!client) return std::unexpected(client.error());
  const std::string method = TextIn(command, "method");
  if (method == "WatchStatus") return Watch(*client, command, commands);
  if (method == "ListStatuses") return List(*client, command);
  if (method == "GetStatus") {
    const auto request = RequestIn<pb::GetStatusRequest>(command);
    return TellResult(client->GetStatus(request.job_id(), request.backend()));
  }
  if (method == "WaitForCompletion") {
    const auto request = RequestIn<pb::WatchStatusRequest>(command);
    return TellResult(client->WaitForCompletion(request.job_ids(0), TimeoutIn(command), request.backend()));
  }
  if (method == "ListBackends") {
    const auto response = client->ListBackends();
    if (!response) return std::unexpected(response.error());
    for (const jobstatus::Backend& backend : response->backends()) Tell("backend", ",\"backend\":" + ToJson(backend));
    return {};
  }
  throw std::runtime_error("no such method: " + method);
}

}  // namespace

int main() {
  Commands commands;
  while (const auto command = commands.Next()) {
    if (const auto result = Play(*command, commands); result) {
      Tell("end");
    } else {
      TellEnd(result.error());
    }
  }
}
