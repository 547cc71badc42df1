#pragma once

#include <string>

namespace jobs {

// A configured ComfyUI server: its name, which statuses bear, and where it is.
struct BackendName {
  std::string name;
  std::string url;  // without credentials
};

}  // namespace jobs
