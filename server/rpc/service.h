#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "board/board.h"
#include "rpc/calls.h"
#include "rpc/face.h"
#include "rpc/limits_met.h"
#include "rpc/loop.h"
#include "rpc/tokens.h"
#include "rpc/unary_call.h"
#include "rpc/watch_times.h"
#include "rpc/watches.h"

namespace rpc {

struct ServiceOptions {
  Watches::Limits max_watches;
  std::size_t max_ids_per_watch = 1000;
  WatchTimes watch_times;
  OnFailedCall on_failed_call;
  std::string page_token_key;
};

// The contract's calls. Handlers read the board and return; none blocks.
class Service final : public JobStatusFace {
 public:
  Service(board::Board& board, ServiceOptions options);

  // Who may call from here on; null: anybody.
  void SetTokens(std::shared_ptr<const Tokens> tokens);
  std::shared_ptr<const Tokens> tokens() const;

  const Calls& calls() const { return calls_; }

  // Awaits calls, by the server that has started: watches on the first of the loops, others on all. The loops must end
  // before this does.
  void Start(const std::vector<std::unique_ptr<Loop>>& loops);

  // Ends all streams with UNAVAILABLE and admits no more. Look-ups end when their observers stop.
  void Drain() { watches_.Drain(); }

  const LimitsMet& limits_met() const { return met_; }

 private:
  using GetStatusCall = UnaryCall<grpc::ByteBuffer, grpc::ByteBuffer>;
  using ListStatusesCall = UnaryCall<pb::ListStatusesRequest, pb::ListStatusesResponse>;
  using ListBackendsCall = UnaryCall<pb::ListBackendsRequest, pb::ListBackendsResponse>;

  void GetStatus(GetStatusCall& unary);
  void ListStatuses(ListStatusesCall& unary);
  void ListBackends(ListBackendsCall& unary);
  // Why a call is refused, whatever it asks for; every handler's first question. Nothing: it is not.
  std::optional<grpc::Status> Refused(const grpc::ServerContext& context) const;
  std::expected<Watch, grpc::Status> ReadWatch(const grpc::ServerContext& context, const grpc::ByteBuffer& bytes);

  board::Board& board_;
  const ServiceOptions options_;
  mutable std::mutex mutex_;  // guards tokens_
  std::shared_ptr<const Tokens> tokens_;
  Calls calls_;
  LimitsMet met_;
  Watches watches_;
  const GetStatusCall::Handler get_status_ = [this](GetStatusCall& unary) { GetStatus(unary); };
  const ListStatusesCall::Handler list_statuses_ = [this](ListStatusesCall& unary) { ListStatuses(unary); };
  const ListBackendsCall::Handler list_backends_ = [this](ListBackendsCall& unary) { ListBackends(unary); };
};

}  // namespace rpc
