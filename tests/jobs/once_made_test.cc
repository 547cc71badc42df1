#include "jobs/once_made.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace jobs {
namespace {

TEST(OnceMade, IsMadeWhenFirstAskedForAndKept) {
  const OnceMade once;
  int made = 0;
  const auto make = [&] { return "bytes " + std::to_string(++made); };
  std::string own;
  EXPECT_EQ(once.Get(make, own), "bytes 1");
  std::string other;
  EXPECT_EQ(once.Get(make, other), "bytes 1");
  EXPECT_EQ(made, 1);
}

TEST(OnceMade, WhatIsLongIsMadeForEachWhoAsks) {
  const OnceMade once;
  int made = 0;
  const auto make = [&] {
    ++made;
    return std::string(OnceMade::kMaxBytes + 1, 'x');
  };
  std::string own;
  EXPECT_EQ(once.Get(make, own).size(), OnceMade::kMaxBytes + 1);
  std::string other;
  const std::string_view again = once.Get(make, other);
  EXPECT_EQ(again.data(), other.data());
  EXPECT_EQ(made, 2);
}

TEST(OnceMade, ACopyAndAnAssignedOneBeginWithout) {
  OnceMade once;
  std::string own;
  once.Get([] { return "old"; }, own);
  const OnceMade copy = once;
  EXPECT_EQ(copy.Get([] { return "of the copy"; }, own), "of the copy");
  once = copy;
  EXPECT_EQ(once.Get([] { return "new"; }, own), "new");
  EXPECT_EQ(once, copy);  // whatever was made of them
}

TEST(OnceMade, ThoseWhoAskAtOnceAllGetTheSame) {
  const OnceMade once;
  std::vector<std::string> got(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < got.size(); ++i) {
      threads.emplace_back([&, i] {
        std::string own;
        got[i] = once.Get([&] { return "of thread " + std::to_string(i); }, own);
      });
    }
  }
  EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), 1U);
}

}  // namespace
}  // namespace jobs
