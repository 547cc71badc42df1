#include "board/turns.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board/played.h"

namespace board {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

int TakeAll(Turns& turns, const std::string& caller, jobs::Steady now) {
  int taken = 0;
  while (turns.Take(caller, now)) ++taken;
  return taken;
}

TEST(TokenBucket, GivesSoManyAtOnceAndThenOneEachInterval) {
  TokenBucket bucket(3, 10ms);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.Take(kSteady));
  EXPECT_FALSE(bucket.Take(kSteady));
  EXPECT_EQ(bucket.next(), kSteady + 10ms);
  EXPECT_FALSE(bucket.Take(kSteady + 9ms));
  EXPECT_TRUE(bucket.Take(kSteady + 10ms));
  EXPECT_FALSE(bucket.Take(kSteady + 10ms));
}

TEST(TokenBucket, SavesUpNoMoreThanItHoldsHoweverLongItRests) {
  TokenBucket bucket(2, 10ms);
  EXPECT_TRUE(bucket.Take(kSteady));
  EXPECT_FALSE(bucket.IsFull(kSteady));
  EXPECT_TRUE(bucket.IsFull(kSteady + 10ms));
  int taken = 0;
  while (bucket.Take(kSteady + 1h)) ++taken;
  EXPECT_EQ(taken, 2);
}

TEST(TokenBucket, TakesATimeThatGoesBackForOneThatStandsStill) {
  TokenBucket bucket(1, 10ms);
  EXPECT_TRUE(bucket.Take(kSteady));
  EXPECT_FALSE(bucket.Take(kSteady - 1s));
  EXPECT_TRUE(bucket.Take(kSteady + 10ms)) << "and owes nothing for it";
}

TEST(Turns, AreSoManyASecondForEachCaller) {
  Turns turns(100);
  EXPECT_EQ(TakeAll(turns, "noisy", kSteady), 100);
  EXPECT_EQ(TakeAll(turns, "other", kSteady), 100);
  EXPECT_EQ(turns.Wait("noisy", kSteady), 10ms);
  EXPECT_EQ(TakeAll(turns, "noisy", kSteady + 500ms), 50);
}

TEST(Turns, ComeInTheOrderInWhichTheCallersOwnStandInLine) {
  Turns turns(100);
  TakeAll(turns, "a", kSteady);
  TakeAll(turns, "b", kSteady);
  for (const std::uint64_t id : {1, 3, 5}) turns.Line("a", id);
  turns.Line("b", 4);
  EXPECT_EQ(turns.next(), kSteady + 10ms);
  EXPECT_THAT(turns.Due(kSteady + 9ms), IsEmpty());
  EXPECT_THAT(turns.Due(kSteady + 10ms), ElementsAre(1, 4));
  EXPECT_THAT(turns.Due(kSteady + 20ms), ElementsAre(3));
  EXPECT_THAT(turns.Due(kSteady + 1h), ElementsAre(5));
  EXPECT_EQ(turns.next(), jobs::Steady::max());
}

TEST(Turns, AreNotTakenFromThoseWhoStandInLine) {
  Turns turns(100);
  TakeAll(turns, "a", kSteady);
  turns.Line("a", 1);
  turns.Line("a", 2);
  EXPECT_FALSE(turns.Take("a", kSteady + 10ms));
  EXPECT_EQ(turns.Wait("a", kSteady), 30ms);
  EXPECT_THAT(turns.Due(kSteady + 30ms), ElementsAre(1, 2));
  EXPECT_TRUE(turns.Take("a", kSteady + 30ms));
}

TEST(Turns, AreNotUsedUpByThoseWhoLeaveTheLine) {
  Turns turns(100);
  TakeAll(turns, "a", kSteady);
  for (std::uint64_t id = 1; id <= 1000; ++id) turns.Line("a", id);
  for (std::uint64_t id = 1; id < 1000; ++id) turns.Leave("a", id);
  EXPECT_THAT(turns.Due(kSteady + 10ms), ElementsAre(1000));
  turns.Line("a", 1001);
  turns.Leave("a", 1001);
  EXPECT_EQ(turns.next(), jobs::Steady::max());
}

TEST(Turns, DoNotRememberEveryCallerThereEverWas) {
  Turns turns(100);
  turns.Line("in line", 1);
  for (int i = 0; i < 100'000; ++i) turns.Take(std::to_string(i), kSteady + std::chrono::milliseconds(i));
  EXPECT_LT(turns.callers(), 5000u);
  EXPECT_THAT(turns.Due(kSteady + 1h), ElementsAre(1));
}

}  // namespace
}  // namespace board
