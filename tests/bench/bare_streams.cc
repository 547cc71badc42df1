#include "bench/bare_streams.h"

namespace bench {

BareStreams::BareStreams(const std::vector<std::string>& command) : server_(command), calls_(server_.address()) {
  calls_.Make({EmptyCall()}, 1);
}

void BareStreams::Open(std::size_t streams, std::size_t per_connection) {
  Close();
  watchers_.emplace(server_.address(), streams, 0, (streams + per_connection - 1) / per_connection);
}

Micros BareStreams::Tell() {
  static const Request kTellAll{"/comfyui.jobstatus.v1.JobStatusService/ListStatuses", ""};
  watchers_->Expect([](const auto&) { return true; });
  const auto begun = Clock::now();
  calls_.Make({kTellAll}, 1);
  return watchers_->AwaitLast() - begun;
}

}  // namespace bench
