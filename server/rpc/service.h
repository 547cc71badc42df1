#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "board/board.h"
#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "rpc/calls.h"
#include "rpc/lookup_turns.h"
#include "rpc/ticker.h"
#include "rpc/tokens.h"
#include "rpc/watch_reactor.h"
#include "rpc/watches.h"

namespace rpc {

struct ServiceOptions {
  Watches::Limits max_watches;
  std::size_t max_ids_per_watch = 1000;
  WatchTimes watch_times;
  OnFailedCall on_failed_call;
  std::string page_token_key;
};

// The calls that are made the most get and give bytes (encode.h).
using JobStatusFace = pb::JobStatusService::WithRawCallbackMethod_GetStatus<
    pb::JobStatusService::WithRawCallbackMethod_WatchStatus<pb::JobStatusService::WithCallbackMethod_ListStatuses<
        pb::JobStatusService::WithCallbackMethod_ListBackends<pb::JobStatusService::Service>>>>;

// The contract's four calls. Handlers read the board and return; none blocks.
class Service final : public JobStatusFace {
 public:
  Service(board::Board& board, ServiceOptions options);

  // Who may call from here on; null: anybody.
  void SetTokens(std::shared_ptr<const Tokens> tokens);
  std::shared_ptr<const Tokens> tokens() const;

  const Calls& calls() const { return calls_; }

  // Ends all streams with UNAVAILABLE and admits no more. Look-ups end when their observers stop.
  void Drain() { watches_.Drain(); }

  const LimitsMet& limits_met() { return watches_.met(); }

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* WatchStatus(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* ListStatuses(grpc::CallbackServerContext* context, const pb::ListStatusesRequest* request,
                                         pb::ListStatusesResponse* response) override;
  grpc::ServerUnaryReactor* ListBackends(grpc::CallbackServerContext* context, const pb::ListBackendsRequest* request,
                                         pb::ListBackendsResponse* response) override;

 private:
  // Why a call is refused, whatever it asks for; every handler's first question. Nothing: it is not.
  std::optional<grpc::Status> Refused(const grpc::CallbackServerContext& context) const;

  board::Board& board_;
  const ServiceOptions options_;
  mutable std::mutex mutex_;  // guards tokens_
  std::shared_ptr<const Tokens> tokens_;
  Calls calls_;
  Watches watches_;
  std::shared_ptr<LookupTurns> turns_;
  Ticker ticker_;  // last, so that it stops calling first
};

}  // namespace rpc
