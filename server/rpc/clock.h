#pragma once

#include "jobs/time.h"

namespace rpc {

// The one reading of the monotonic clock in rpc/.
jobs::Steady SteadyNow();
// The one reading of the wall clock in rpc/.
jobs::Time WallNow();

}  // namespace rpc
