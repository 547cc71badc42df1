#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace rpc {

// The tokens with which callers may call: any of several, so that they can be changed one after the other. Holds their
// hashes only. Immutable.
class Tokens {
 public:
  // One a line; empty lines and those that begin with # are none. The error says what is wrong, without a token.
  static std::expected<Tokens, std::string> Parse(std::string_view text);

  // Whether the value of `authorization` is "Bearer" and one of them. Takes as long whichever it is, and for none.
  bool Allows(std::string_view authorization) const;

  bool operator==(const Tokens&) const = default;

  std::size_t size() const { return hashes_.size(); }

  // Shorter ones can be guessed.
  static constexpr std::size_t kShortest = 16;

 private:
  using Hash = std::array<unsigned char, 32>;
  static Hash HashOf(std::string_view token);

  std::vector<Hash> hashes_;
};

}  // namespace rpc
