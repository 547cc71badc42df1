#include "rpc/service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "rpc/clock.h"
#include "rpc/encode.h"
#include "rpc/errors.h"
#include "rpc/peer.h"
#include "rpc/requests.h"
#include "rpc/to_proto.h"

namespace rpc {
namespace {

grpc::ServerUnaryReactor* Finish(grpc::CallbackServerContext* context, Call& call, const grpc::Status& status) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  reactor->Finish(call.End(status));
  return reactor;
}

// A page ends behind the status with which it exceeds this. A status has up to 2 MiB of outputs and some of traceback
// (comfy/answers.h), and callers take messages of 4 MiB unless they say otherwise.
constexpr std::size_t kMaxPageBytes = 1024 * 1024;

grpc::Status Answer(const board::LookupResult& result, const std::string& job_id, const std::string& backend,
                    grpc::ByteBuffer& response) {
  if (const auto* found = std::get_if<board::Snapshot>(&result)) {
    response = EncodeGetStatusResponse(**found, (*found)->observe_time, WallNow());
    return grpc::Status::OK;
  }
  if (const auto* not_asked = std::get_if<board::NotAsked>(&result)) {
    return NotAsked(*not_asked, job_id);
  }
  if (const auto* too_many = std::get_if<board::TooManyLookups>(&result)) {
    return TooManyLookups(job_id, too_many->retry_after);
  }
  return JobNotFound(job_id, backend);
}

}  // namespace

Service::Service(board::Board& board, ServiceOptions options)
    : board_(board),
      options_(std::move(options)),
      calls_(options_.on_failed_call),
      watches_(board_, calls_, met_, options_.max_watches, options_.watch_times,
               [this](const auto& context, const auto& bytes) { return ReadWatch(context, bytes); }) {}

void Service::SetTokens(std::shared_ptr<const Tokens> tokens) {
  const std::lock_guard lock(mutex_);
  tokens_ = std::move(tokens);
}

std::shared_ptr<const Tokens> Service::tokens() const {
  const std::lock_guard lock(mutex_);
  return tokens_;
}

std::optional<grpc::Status> Service::Refused(const grpc::ServerContextBase& context) const {
  std::shared_ptr<const Tokens> tokens;
  {
    const std::lock_guard lock(mutex_);
    tokens = tokens_;
  }
  if (!tokens) return std::nullopt;
  const auto& metadata = context.client_metadata();
  const auto sent = metadata.find("authorization");
  if (sent == metadata.end()) return Unauthenticated(false);
  if (!tokens->Allows({sent->second.data(), sent->second.size()})) return Unauthenticated(true);
  return std::nullopt;
}

grpc::ServerUnaryReactor* Service::GetStatus(grpc::CallbackServerContext* context, const grpc::ByteBuffer* bytes,
                                             grpc::ByteBuffer* response) {
  Call call(calls_, Method::kGetStatus, *context);
  if (const auto refused = Refused(*context)) return Finish(context, call, *refused);
  pb::GetStatusRequest request;
  if (!Decode(*bytes, request)) return Finish(context, call, Unreadable("GetStatusRequest"));
  if (const grpc::Status checked = Check(request, board_); !checked.ok()) return Finish(context, call, checked);
  if (const auto [snapshot, observe_time] = board_.Find(request.job_id(), request.backend()); snapshot) {
    *response = EncodeGetStatusResponse(*snapshot, observe_time, WallNow());
    return Finish(context, call, grpc::Status::OK);
  }
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const jobs::Steady now = SteadyNow();
  board_
      .LookUp(
          request.job_id(), request.backend(), now, now,
          [reactor, call, response, job_id = request.job_id(),
           backend = request.backend()](const board::LookupResult& result) mutable {
            reactor->Finish(call.End(Answer(result, job_id, backend, *response)));
          },
          [] {}, {.name = PeerName(context->peer())})
      .Release();  // the call stays open until the look-up ends
  return reactor;
}

std::expected<Watch, grpc::Status> Service::ReadWatch(const grpc::ServerContext& context,
                                                      const grpc::ByteBuffer& bytes) {
  if (const auto refused = Refused(context)) return std::unexpected(*refused);
  pb::WatchStatusRequest request;
  if (!Decode(bytes, request)) return std::unexpected(Unreadable("WatchStatusRequest"));
  auto watch = Read(request, board_, options_.max_ids_per_watch);
  if (!watch && static_cast<std::size_t>(request.job_ids_size()) > options_.max_ids_per_watch) ++met_.max_ids_per_watch;
  return watch;
}

grpc::ServerUnaryReactor* Service::ListStatuses(grpc::CallbackServerContext* context,
                                                const pb::ListStatusesRequest* request,
                                                pb::ListStatusesResponse* response) {
  Call call(calls_, Method::kListStatuses, *context);
  if (const auto refused = Refused(*context)) return Finish(context, call, *refused);
  const auto list = Read(*request, board_, options_.page_token_key);
  if (!list) return Finish(context, call, list.error());
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  // One more than the page holds tells whether there is another.
  board_.List({.backend = list->backend, .states = list->states, .before = list->before, .limit = list->page_size + 1},
              [this, reactor, call, response, list = *list](const board::Board::Listed& listed) mutable {
                if (!listed) return reactor->Finish(call.End(ArchiveUnreadable("")));
                const jobs::Time now = WallNow();
                std::size_t bytes = 0;
                std::size_t count = 0;
                while (count < std::min(listed->size(), list.page_size) && bytes < kMaxPageBytes) {
                  const auto& [snapshot, observe_time] = (*listed)[count++];
                  pb::JobStatus& status = *response->add_statuses();
                  ToProto(*snapshot, observe_time, now, status);
                  bytes += status.ByteSizeLong();
                }
                if (listed->size() > count) {
                  const std::uint64_t last = (*listed)[count - 1].snapshot->revision;
                  response->set_next_page_token(PageToken(list, last, options_.page_token_key));
                }
                reactor->Finish(call.End(grpc::Status::OK));
              });
  return reactor;
}

grpc::ServerUnaryReactor* Service::ListBackends(grpc::CallbackServerContext* context, const pb::ListBackendsRequest*,
                                                pb::ListBackendsResponse* response) {
  Call call(calls_, Method::kListBackends, *context);
  if (const auto refused = Refused(*context)) return Finish(context, call, *refused);
  for (const board::BackendState& backend : board_.Backends()) ToProto(backend, *response->add_backends());
  return Finish(context, call, grpc::Status::OK);
}

}  // namespace rpc
