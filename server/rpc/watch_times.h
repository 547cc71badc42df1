#pragma once

#include "jobs/time.h"
#include "rpc/connection_age.h"

namespace rpc {

struct WatchTimes {
  jobs::Duration heartbeat_interval =
      std::chrono::seconds(15);                                 // of silence, after which a watch says that it is alive
  jobs::Duration write_stall_limit = std::chrono::seconds(60);  // a reader that takes nothing for this long is let go
  ConnectionAge connection_age;
};

}  // namespace rpc
