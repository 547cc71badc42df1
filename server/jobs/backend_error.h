#pragma once

#include <string>

namespace jobs {

// Why a ComfyUI server could not be asked. One kind per row of the API's error table, and one of our own.
struct BackendError {
  enum class Kind {
    kTimeout,      // no answer in time; the server may be merely busy
    kUnreachable,  // refused, reset, closed before the answer was whole, name not found, TLS failed
    kHttpError,    // answered, with a status that is not 200
    kBadResponse,  // answered 200 with what ComfyUI does not send: bad JSON, wrong shape, over the size limit
    kStopping,     // it was not asked, as this service is going down
  };
  Kind kind = Kind::kUnreachable;
  int http_status = 0;  // of kHttpError
  std::string detail;   // for a person; without credentials
  bool operator==(const BackendError&) const = default;
};

}  // namespace jobs
