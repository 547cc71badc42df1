#pragma once

#include "jobs/time.h"

namespace comfy {

// The one reading of each clock in comfy/.
jobs::Steady SteadyNow();
jobs::Time WallNow();

}  // namespace comfy
