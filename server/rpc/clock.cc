#include "rpc/clock.h"

#include <chrono>

namespace rpc {

jobs::Steady SteadyNow() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::steady_clock::now());
}
jobs::Time WallNow() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::system_clock::now());
}

}  // namespace rpc
