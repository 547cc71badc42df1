#include "app/token_file.h"

#include <fmt/format.h>

#include <utility>

#include "app/config.h"

namespace app {

TokenFile::TokenFile(std::string file, std::shared_ptr<const rpc::Tokens> known, rpc::Server& server, Log& log)
    : file_(std::move(file)), known_(std::move(known)), server_(server), log_(log) {}

void TokenFile::ReadAgain() {
  if (file_.empty()) return log_.Info("reload", "SIGHUP: there is no --token-file to read again");
  trouble_.clear();
  known_ = nullptr;  // so that they are told even if they are the same
  Look();
}

void TokenFile::Look() {
  if (file_.empty()) return;
  auto tokens = ReadTokens(file_);
  if (!tokens) {
    if (tokens.error() != trouble_) log_.Error("tokens_unusable", "the tokens stay as they were: " + tokens.error());
    trouble_ = tokens.error();
    return;
  }
  trouble_.clear();
  if (known_ != nullptr && **tokens == *known_) return;
  known_ = *std::move(tokens);
  log_.Info("tokens_read", fmt::format("{} tokens read from {}", known_->size(), file_));
  server_.SetTokens(known_);
}

}  // namespace app
