#include "comfy/deafness.h"

#include <gtest/gtest.h>

namespace comfy {
namespace {

using namespace std::chrono_literals;

constexpr Deafness::Limits kLimits{.after_change = 3s, .of_own_job = 30s, .of_own_job_longest = 100s};

// An open socket, heard and looked past at times since it was opened.
struct Socket {
  Deafness deafness{kLimits};
  const jobs::Steady opened{1'000s};

  Socket() { deafness.Opened(opened); }
  void Heard(jobs::Duration at) { deafness.Heard(opened + at); }
  void HeardOfOwnJob(jobs::Duration at) { deafness.HeardOfOwnJob(opened + at); }
  bool Looked(jobs::Duration at, bool changed, bool own_job_runs = false) {
    return deafness.Looked(opened + at, changed, own_job_runs);
  }
};

TEST(Trap5, ASocketThatDoesNotHearOfAChangeIsDeafAfterAWhile) {
  Socket socket;
  EXPECT_FALSE(socket.Looked(1s, false));
  EXPECT_FALSE(socket.Looked(2s, true));
  EXPECT_TRUE(socket.deafness.suspected());
  EXPECT_FALSE(socket.Looked(4900ms, false));
  EXPECT_TRUE(socket.Looked(5s, false));
}

TEST(Trap5, NewsThatComeLateClearTheSuspicion) {
  Socket socket;
  socket.Looked(1s, false);
  socket.Looked(2s, true);
  socket.Heard(4s);
  EXPECT_FALSE(socket.deafness.suspected());
  EXPECT_FALSE(socket.Looked(10s, false));
}

TEST(Trap5, AChangeThatWasHeardOfBeforeItWasSeenIsNoCauseForSuspicion) {
  Socket socket;
  socket.Looked(1s, false);
  socket.Heard(1500ms);
  socket.Looked(2s, true);
  EXPECT_FALSE(socket.deafness.suspected());
  EXPECT_FALSE(socket.Looked(9s, false));
}

TEST(Trap5, WhatChangedBeforeTheSocketWasOpenedOrBeforeTheFirstLookProvesNothing) {
  Socket first;
  EXPECT_FALSE(first.Looked(1s, true));
  EXPECT_FALSE(first.Looked(9s, false));

  Socket again;
  again.Looked(1s, false);
  again.deafness.Opened(again.opened + 2s);
  again.Looked(3s, true);
  EXPECT_FALSE(again.deafness.suspected());
}

TEST(Deafness, ASecondUnheardChangeDoesNotPutItOff) {
  Socket socket;
  socket.Looked(1s, false);
  socket.Looked(2s, true);
  socket.Looked(4s, true);
  EXPECT_TRUE(socket.Looked(5s, true));
}

TEST(Deafness, OpeningAgainIsANewBeginning) {
  Socket socket;
  socket.Looked(1s, false);
  socket.Looked(2s, true);
  EXPECT_TRUE(socket.Looked(6s, false));
  socket.deafness.Opened(socket.opened + 7s);
  EXPECT_FALSE(socket.deafness.suspected());
  EXPECT_FALSE(socket.Looked(8s, false));
}

TEST(Deafness, AQuietIdleServerIsNotSuspected) {
  Socket socket;
  for (int minute = 1; minute < 100; ++minute) EXPECT_FALSE(socket.Looked(1min * minute, false));
}

TEST(Deafness, OfAnOwnJobThatSaysNothingTheSocketIsOpenedAgainLessAndLessOften) {
  Socket socket;
  std::vector<int> opened_at;
  for (int second = 1; second <= 400; ++second) {
    if (!socket.Looked(1s * second, false, true)) continue;
    opened_at.push_back(second);
    socket.deafness.Opened(socket.opened + 1s * second);
  }
  // A node may well be silent for minutes: 30 s, 60 s, then 100 s, each from the first look at the new socket.
  EXPECT_EQ(opened_at, (std::vector{31, 92, 193, 294, 395}));
}

TEST(Deafness, WordOfAnOwnJobMakesItPatientAsAtFirst) {
  Socket socket;
  EXPECT_FALSE(socket.Looked(1s, false, true));
  EXPECT_TRUE(socket.Looked(31s, false, true));
  socket.HeardOfOwnJob(40s);
  EXPECT_FALSE(socket.Looked(69s, false, true));
  EXPECT_TRUE(socket.Looked(70s, false, true));
}

TEST(Deafness, WordOfOthersIsNoWordOfAnOwnJob) {
  Socket socket;
  socket.Looked(1s, false, true);
  socket.Heard(30s);
  EXPECT_TRUE(socket.Looked(31s, false, true));
}

TEST(Deafness, BetweenOwnJobsNoTimeRuns) {
  Socket socket;
  socket.Looked(1s, false, true);
  socket.Looked(20s, false, false);
  EXPECT_FALSE(socket.Looked(40s, false, true));
  EXPECT_FALSE(socket.Looked(69s, false, true));
  EXPECT_TRUE(socket.Looked(70s, false, true));
}

}  // namespace
}  // namespace comfy
