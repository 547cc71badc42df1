#include "rpc/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace rpc {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr const char* kFile = "# ours\nfirst-token-0123456789\n\n  second-token-0123456789\t\r\n";

TEST(Tokens, AnyOfSeveralWillDo) {
  const auto tokens = Tokens::Parse(kFile);
  ASSERT_TRUE(tokens);
  EXPECT_EQ(tokens->size(), 2u);
  EXPECT_TRUE(tokens->Allows("Bearer first-token-0123456789"));
  EXPECT_TRUE(tokens->Allows("bearer second-token-0123456789"));
}

TEST(Tokens, NothingElseWillDo) {
  const auto tokens = Tokens::Parse(kFile);
  for (const char* wrong :
       {"", "Bearer", "Bearer ", "first-token-0123456789", "Basic first-token-0123456789",
        "Bearer first-token-012345678", "Bearer first-token-01234567890", "Bearer  first-token-0123456789",
        "Bearer # ours", "Bearer first-token-0123456789 ", "Bearer FIRST-TOKEN-0123456789"})
    EXPECT_FALSE(tokens->Allows(wrong)) << wrong;
}

TEST(Tokens, WhatIsNoTokenIsNamedByItsLineAndNotShown) {
  EXPECT_EQ(Tokens::Parse("").error(), "there is no token in it");
  EXPECT_EQ(Tokens::Parse("# only this\n\n").error(), "there is no token in it");
  const auto shorter = Tokens::Parse("# x\nsecret\n");
  EXPECT_THAT(shorter.error(), HasSubstr("line 2: a token must have at least 16 characters"));
  EXPECT_THAT(shorter.error(), Not(HasSubstr("secret")));
  EXPECT_THAT(Tokens::Parse("two words that are long\n").error(), HasSubstr("line 1: a token must be of printable"));
  EXPECT_THAT(Tokens::Parse("t\u00f6ken-0123456789abcdef\n").error(), HasSubstr("printable ASCII"));
}

}  // namespace
}  // namespace rpc
