#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "board/board.h"
#include "rpc/calls.h"
#include "rpc/face.h"
#include "rpc/limits_met.h"
#include "rpc/tokens.h"
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

// The contract's four calls. Handlers read the board and return; none blocks.
class Service final : public JobStatusFace {
 public:
  Service(board::Board& board, ServiceOptions options);

  // Who may call from here on; null: anybody.
  void SetTokens(std::shared_ptr<const Tokens> tokens);
  std::shared_ptr<const Tokens> tokens() const;

  const Calls& calls() const { return calls_; }

  // Takes the watches that come by the queue of the server, which has started.
  void Start(std::unique_ptr<grpc::ServerCompletionQueue> queue) { watches_.Start(*this, std::move(queue)); }

  // Ends all streams with UNAVAILABLE and admits no more. Look-ups end when their observers stop.
  void Drain() { watches_.Drain(); }

  // Once the server has shut down.
  void Stop() { watches_.Stop(); }

  const LimitsMet& limits_met() const { return met_; }

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                      grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListStatuses(grpc::CallbackServerContext* context, const pb::ListStatusesRequest* request,
                                         pb::ListStatusesResponse* response) override;
  grpc::ServerUnaryReactor* ListBackends(grpc::CallbackServerContext* context, const pb::ListBackendsRequest* request,
                                         pb::ListBackendsResponse* response) override;

 private:
  // Why a call is refused, whatever it asks for; every handler's first question. Nothing: it is not.
  std::optional<grpc::Status> Refused(const grpc::ServerContextBase& context) const;
  std::expected<Watch, grpc::Status> ReadWatch(const grpc::ServerContext& context, const grpc::ByteBuffer& bytes);

  board::Board& board_;
  const ServiceOptions options_;
  mutable std::mutex mutex_;  // guards tokens_
  std::shared_ptr<const Tokens> tokens_;
  Calls calls_;
  LimitsMet met_;
  Watches watches_;  // last, so that it ends first
};

}  // namespace rpc
