#include "rpc/tokens.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>

namespace rpc {

Tokens::Hash Tokens::HashOf(std::string_view token) {
  Hash hash{};
  EVP_Digest(token.data(), token.size(), hash.data(), nullptr, EVP_sha256(), nullptr);
  return hash;
}

std::expected<Tokens, std::string> Tokens::Parse(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  Tokens tokens;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
    line = line.substr(0, line.find_last_not_of(kSpace) + 1);
    if (line.empty() || line.front() == '#') continue;
    const std::string where = "line " + std::to_string(number);
    if (line.size() < kShortest)
      return std::unexpected(where + ": a token must have at least " + std::to_string(kShortest) + " characters");
    if (std::ranges::any_of(line, [](unsigned char c) { return c <= ' ' || c > '~'; }))
      return std::unexpected(where + ": a token must be of printable ASCII without spaces");
    tokens.hashes_.push_back(HashOf(line));
  }
  if (tokens.hashes_.empty()) return std::unexpected("there is no token in it");
  return tokens;
}

bool Tokens::Allows(std::string_view authorization) const {
  constexpr std::string_view kScheme = "bearer ";  // RFC 9110: in any case
  const bool is_bearer = authorization.size() > kScheme.size() &&
                         std::equal(kScheme.begin(), kScheme.end(), authorization.begin(),
                                    [](char expected, char given) { return expected == (given | 0x20); });
  const Hash hash = HashOf(is_bearer ? authorization.substr(kScheme.size()) : std::string_view());
  int allowed = 0;
  for (const Hash& known : hashes_) allowed |= CRYPTO_memcmp(known.data(), hash.data(), hash.size()) == 0 ? 1 : 0;
  return is_bearer && allowed != 0;
}

}  // namespace rpc
