#pragma once

#include <string>
#include <utility>

#include "app/log.h"
#include "rpc/tls.h"

namespace app {

// The files with the server's certificate and key, which gRPC reads again by itself, without a word of files that
// cannot be used. To be used by one thread.
class TlsFilesLook {
 public:
  // `files` may be empty: there is nothing to look at.
  TlsFilesLook(rpc::TlsFiles files, Log& log) : files_(std::move(files)), log_(log) {}

  // Logs when they become such that they cannot be used, and when they can again. Takes less than a millisecond.
  void Look();

 private:
  const rpc::TlsFiles files_;
  Log& log_;
  std::string trouble_;  // that was logged, and goes on
};

}  // namespace app
