#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace fakes {

// Where a fake ComfyUI gets times and ids from when the test does not say.

int64_t SystemNowMs();  // unix ms

// Each call of the result makes another random uuid.uuid4().
std::function<std::string()> RandomUuids();

}  // namespace fakes
