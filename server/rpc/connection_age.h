#pragma once

#include "jobs/time.h"

namespace rpc {

// How old a connection may become. gRPC tells the caller to connect anew when it is `limit` old, a tenth more or less,
// and takes no new call on it; it cuts what is left of it later. A handler is not told how old its connection is, so a
// watch ends by itself when it is that old itself: after gRPC has told, that is, so that the caller comes back on
// another connection, and before gRPC cuts, however late it began.
struct ConnectionAge {
  jobs::Duration limit{0};  // 0: none
  jobs::Duration grace = std::chrono::seconds(30);

  // How old a watch may become; `chance`, from 0 to 1, spreads those that began together.
  jobs::Duration OfWatch(double chance) const {
    return std::chrono::duration_cast<jobs::Duration>(limit * (1.2 + 0.1 * chance));
  }

  // After gRPC has told, how long until it cuts.
  jobs::Duration UntilCut() const { return OfWatch(1) + grace; }
};

}  // namespace rpc
