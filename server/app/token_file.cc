#include "app/token_file.h"

#include <spdlog/spdlog.h>

#include <utility>

#include "app/config.h"

namespace app {

TokenFile::TokenFile(std::string file, std::shared_ptr<const rpc::Tokens> known, rpc::Server& server)
    : file_(std::move(file)), known_(std::move(known)), server_(server) {}

void TokenFile::ReadAgain() {
  if (file_.empty()) return spdlog::info("SIGHUP: there is no --token-file to read again");
  trouble_.clear();
  known_ = nullptr;  // so that they are told even if they are the same
  Look();
}

void TokenFile::Look() {
  if (file_.empty()) return;
  auto tokens = ReadTokens(file_);
  if (!tokens) {
    if (tokens.error() != trouble_) spdlog::error("the tokens stay as they were: {}", tokens.error());
    trouble_ = tokens.error();
    return;
  }
  trouble_.clear();
  if (known_ != nullptr && **tokens == *known_) return;
  known_ = *std::move(tokens);
  spdlog::info("{} tokens read from {}", known_->size(), file_);
  server_.SetTokens(known_);
}

}  // namespace app
