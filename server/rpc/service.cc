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

// Calls that are awaited on each loop, so that many which come at once do not wait for one after the other.
constexpr int kAwaitedCalls = 64;

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

std::optional<grpc::Status> Service::Refused(const grpc::ServerContext& context) const {
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

void Service::Start(const std::vector<std::unique_ptr<Loop>>& loops) {
  JobStatusFace& face = *this;
  watches_.Start(face, *loops.front());
  for (const auto& loop : loops) {
    for (int i = 0; i < kAwaitedCalls; ++i)
      GetStatusCall::Await(*loop, face, &JobStatusFace::RequestGetStatus, get_status_);
    ListStatusesCall::Await(*loop, face, &JobStatusFace::RequestListStatuses, list_statuses_);
    ListBackendsCall::Await(*loop, face, &JobStatusFace::RequestListBackends, list_backends_);
  }
}

void Service::GetStatus(GetStatusCall& unary) {
  Call call(calls_, Method::kGetStatus, unary.context());
  if (const auto refused = Refused(unary.context())) return unary.Finish(call.End(*refused));
  pb::GetStatusRequest request;
  if (!Decode(unary.request(), request)) return unary.Finish(call.End(Unreadable("GetStatusRequest")));
  if (const grpc::Status checked = Check(request, board_); !checked.ok()) return unary.Finish(call.End(checked));
  if (const auto [snapshot, observe_time] = board_.Find(request.job_id(), request.backend()); snapshot) {
    unary.response() = EncodeGetStatusResponse(*snapshot, observe_time, WallNow());
    return unary.Finish(call.End(grpc::Status::OK));
  }
  const jobs::Steady now = SteadyNow();
  board_
      .LookUp(
          request.job_id(), request.backend(), now, now,
          [&unary, call, job_id = request.job_id(),
           backend = request.backend()](const board::LookupResult& result) mutable {
            unary.Finish(call.End(Answer(result, job_id, backend, unary.response())));
          },
          [] {}, {.name = PeerName(unary.context().peer())})
      .Release();  // the call stays open until the look-up ends
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

void Service::ListStatuses(ListStatusesCall& unary) {
  Call call(calls_, Method::kListStatuses, unary.context());
  if (const auto refused = Refused(unary.context())) return unary.Finish(call.End(*refused));
  const auto list = Read(unary.request(), board_, options_.page_token_key);
  if (!list) return unary.Finish(call.End(list.error()));
  // One more than the page holds tells whether there is another.
  board_.List({.backend = list->backend, .states = list->states, .before = list->before, .limit = list->page_size + 1},
              [this, &unary, call, list = *list](const board::Board::Listed& listed) mutable {
                if (!listed) return unary.Finish(call.End(ArchiveUnreadable("")));
                const jobs::Time now = WallNow();
                std::size_t bytes = 0;
                std::size_t count = 0;
                while (count < std::min(listed->size(), list.page_size) && bytes < kMaxPageBytes) {
                  const auto& [snapshot, observe_time] = (*listed)[count++];
                  pb::JobStatus& status = *unary.response().add_statuses();
                  ToProto(*snapshot, observe_time, now, status);
                  bytes += status.ByteSizeLong();
                }
                if (listed->size() > count) {
                  const std::uint64_t last = (*listed)[count - 1].snapshot->revision;
                  unary.response().set_next_page_token(PageToken(list, last, options_.page_token_key));
                }
                unary.Finish(call.End(grpc::Status::OK));
              });
}

void Service::ListBackends(ListBackendsCall& unary) {
  Call call(calls_, Method::kListBackends, unary.context());
  if (const auto refused = Refused(unary.context())) return unary.Finish(call.End(*refused));
  for (const board::BackendState& backend : board_.Backends()) ToProto(backend, *unary.response().add_backends());
  unary.Finish(call.End(grpc::Status::OK));
}

}  // namespace rpc
