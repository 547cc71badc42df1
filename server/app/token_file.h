#pragma once

#include <memory>
#include <string>

#include "app/log.h"
#include "rpc/server.h"

namespace app {

// The file with callers' tokens, and the server that takes them. What cannot be used leaves what was there before. To
// be used by one thread.
class TokenFile {
 public:
  // `file` may be empty: there are no tokens. `known` are those that the server has.
  TokenFile(std::string file, std::shared_ptr<const rpc::Tokens> known, rpc::Server& server, Log& log);

  // Reads it because somebody asks, and logs what came of it.
  void ReadAgain();

  // Reads it to see whether it has changed, and logs what is new.
  void Look();

 private:
  const std::string file_;
  std::shared_ptr<const rpc::Tokens> known_;
  rpc::Server& server_;
  Log& log_;
  std::string trouble_;  // that was logged, and goes on
};

}  // namespace app
