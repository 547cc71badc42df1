#include "cli/nearest.h"

#include <gtest/gtest.h>

#include <array>

namespace jobstatus::cli {
namespace {

constexpr std::array<std::string_view, 5> kWords = {"get", "watch", "wait", "list", "backends"};

TEST(Nearest, IsTheWordWithATypingError) {
  EXPECT_EQ(Nearest("wtach", kWords), "watch");
  EXPECT_EQ(Nearest("lst", kWords), "list");
  EXPECT_EQ(Nearest("backend", kWords), "backends");
  EXPECT_EQ(Nearest("gett", kWords), "get");
}

TEST(Nearest, IsNoneWhereNoneIsAlike) {
  EXPECT_EQ(Nearest("", kWords), "");
  EXPECT_EQ(Nearest("xx", kWords), "");
  EXPECT_EQ(Nearest("status", kWords), "");
  EXPECT_EQ(Nearest(std::string(100'000, 'w'), kWords), "");
}

}  // namespace
}  // namespace jobstatus::cli
