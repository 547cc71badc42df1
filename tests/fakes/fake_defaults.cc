#include "fakes/fake_defaults.h"

#include <chrono>
#include <random>

namespace fakes {

int64_t SystemNowMs() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::function<std::string()> RandomUuids() {
  return [random = std::mt19937_64(std::random_device{}())]() mutable {
    std::string uuid = "xxxxxxxx-xxxx-4xxx-8xxx-xxxxxxxxxxxx";
    for (char& c : uuid) {
      if (c == 'x') c = "0123456789abcdef"[random() % 16];
    }
    return uuid;
  };
}

}  // namespace fakes
