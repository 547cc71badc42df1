#include "comfy/continuity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "comfy/address.h"
#include "comfy/answers.h"
#include "comfy/test_data.h"
#include "comfy/witnesses.h"

namespace comfy {
namespace {

using namespace std::chrono_literals;
using Kind = jobs::BackendError::Kind;

const jobs::Steady kNow{1000s};

class ContinuityTest : public testing::Test {
 protected:
  Continuity watch;
  bool Doubt(const Continuity::Mark& mark) const { return watch.DoubtSince(mark); }
  bool Unanswered(const Continuity::Mark& mark) const { return watch.UnansweredSince(mark); }
  bool Restart(const Continuity::Mark& mark) const { return watch.RestartSince(mark); }
};

TEST_F(ContinuityTest, HasNoGapOnOneKeptConnectionHoweverLong) {
  watch.Answered(true, 200, kNow);
  const auto mark = watch.mark();
  watch.Answered(false, 200, kNow + 60s);
  watch.Answered(false, 404, kNow + 600s);
  EXPECT_FALSE(Doubt(mark));
}

TEST_F(ContinuityTest, HasAGapAndASignOfARestartWhenAKeptConnectionIsDropped) {
  watch.Answered(true, 200, kNow);
  watch.Answered(false, 200, kNow + 1s);
  const auto mark = watch.mark();
  watch.Answered(true, 200, kNow + 2s);
  EXPECT_TRUE(Doubt(mark));
  EXPECT_TRUE(Restart(mark));
  EXPECT_FALSE(Unanswered(mark)) << "each look was answered, be it the same process";
}

TEST_F(ContinuityTest, TakesTheCloseAfterA500ForWhatItIs) {
  watch.Answered(true, 200, kNow);
  watch.Answered(false, 500, kNow + 1s);
  const auto mark = watch.mark();
  watch.Answered(true, 200, kNow + 2s);
  EXPECT_FALSE(Doubt(mark));
}

TEST_F(ContinuityTest, TakesTheCloseOfALongIdleConnectionForNoRestart) {
  watch.Answered(true, 200, kNow);
  watch.Answered(false, 200, kNow + 1s);
  const auto mark = watch.mark();
  watch.Answered(true, 200, kNow + 80s);
  EXPECT_TRUE(Doubt(mark)) << "nobody looked for 79 s";
  EXPECT_FALSE(Restart(mark));
}

TEST_F(ContinuityTest, OnAServerThatKeepsNoConnectionsRestsOnAnswersCloseTogether) {
  watch.Answered(true, 200, kNow);
  const auto mark = watch.mark();
  watch.Answered(true, 200, kNow + 1s);
  watch.Answered(true, 200, kNow + 2s);
  EXPECT_FALSE(Doubt(mark));
  watch.Answered(true, 200, kNow + 12s);
  EXPECT_TRUE(Doubt(mark));
  EXPECT_FALSE(Restart(mark));
}

TEST_F(ContinuityTest, TakesARefusalForASignOfARestartButNotATimeoutOrAnErrorStatus) {
  const auto mark = watch.mark();
  watch.Failed(Kind::kTimeout);
  watch.Failed(Kind::kHttpError);
  EXPECT_TRUE(Doubt(mark));
  EXPECT_FALSE(Restart(mark));
  watch.Failed(Kind::kUnreachable);
  EXPECT_TRUE(Restart(mark));
}

TEST_F(ContinuityTest, TakesWhatAGatewaySaysOfAServerThatItDoesNotReachForThat) {
  watch.Answered(true, 200, kNow);
  auto mark = watch.mark();
  watch.Answered(false, 502, kNow + 1s);
  EXPECT_TRUE(Restart(mark));
  EXPECT_TRUE(Unanswered(mark));
  mark = watch.mark();
  watch.Answered(false, 504, kNow + 2s);
  EXPECT_FALSE(Restart(mark)) << "a timeout is none";
  EXPECT_TRUE(Unanswered(mark));
}

TEST_F(ContinuityTest, DoubtsWhenTheSocketEndsThoughNoLookWasMissed) {
  const auto mark = watch.mark();
  watch.SocketEnded();
  EXPECT_TRUE(Doubt(mark));
  EXPECT_FALSE(Unanswered(mark));
  EXPECT_FALSE(Restart(mark));
}

TEST_F(ContinuityTest, KnowsNothingOfTheTimeBeforeItBegan) {
  EXPECT_TRUE(Unanswered(Continuity::Mark()));
  EXPECT_FALSE(Restart(Continuity::Mark()));
}

// A queue of jobs and their counted numbers, in any order.
jobs::QueueListing Queue(const std::vector<std::pair<std::string, double>>& jobs) {
  jobs::QueueListing listing;
  for (const auto& [id, number] : jobs) {
    listing.pending.push_back({.job_id = id, .number = {.value = number, .counted = true}});
  }
  return listing;
}

TEST_F(ContinuityTest, TakesANumberThatAnotherJobHadForASignOfARestart) {
  watch.Listed(Queue({{"a", 0}, {"b", 1}}));
  watch.Listed(Queue({{"b", 1}}));
  const auto mark = watch.mark();
  watch.Listed(Queue({{"c", 0}}));
  EXPECT_TRUE(Restart(mark));
  const auto after = watch.mark();
  watch.Listed(Queue({{"c", 0}, {"d", 1}}));
  EXPECT_FALSE(Doubt(after)) << "it has begun to count again, once";
}

TEST_F(ContinuityTest, TakesANumberFarBelowTheGreatestForASignOfARestart) {
  watch.Listed(Queue({{"a", 5000}}));
  const auto mark = watch.mark();
  watch.Listed(Queue({{"b", 0}}));
  EXPECT_TRUE(Restart(mark));
}

TEST_F(ContinuityTest, DoubtsButSeesNoRestartWhereAJobMayHaveBeenOvertakenWhileItWasValidated) {
  watch.Listed(Queue({{"b", 6}}));
  const auto mark = watch.mark();
  watch.Listed(Queue({{"b", 6}, {"a", 5}}));
  EXPECT_FALSE(Restart(mark));
  EXPECT_TRUE(Doubt(mark));
  const auto known = watch.mark();
  watch.Listed(Queue({{"a", 5}}));
  EXPECT_FALSE(Doubt(known));
}

TEST_F(ContinuityTest, SeesNoSignInNumbersThatOnlyGrowHoweverManyAndInWhateverOrder) {
  const auto mark = watch.mark();
  std::vector<std::pair<std::string, double>> queue = {{"waits for long", 0}};
  for (int i = 0; i < 1000; ++i) {
    // Refused submissions count, too.
    const double number = 3 * i + 1;
    queue.insert(queue.begin(), {{std::to_string(i) + "b", number + 1}, {std::to_string(i) + "a", number}});
    if (queue.size() > 20) queue.erase(queue.begin() + 10, queue.end() - 1);
    watch.Listed(Queue(queue));
  }
  watch.Listed(Queue({}));
  watch.Listed(Queue({{"last", 3001}}));
  EXPECT_FALSE(Doubt(mark));
}

TEST_F(ContinuityTest, SeesNoSignInNumbersThatWereGivenByClientsOrCannotBeFollowed) {
  watch.Listed(Queue({{"a", 5000}}));
  const auto mark = watch.mark();
  auto given = Queue({{"first", -1}, {"second", 2}, {"odd", std::nan("")}, {"a", 2}});
  for (auto& item : given.pending) item.number.counted = false;
  watch.Listed(given);
  watch.Listed(Queue({{"line\nbreak", 3}, {"", 4}}));
  EXPECT_FALSE(Doubt(mark));
}

TEST_F(ContinuityTest, KnowsTheNumbersOfJobsThatTheQueueNeverShowed) {
  watch.Numbered("ended", {.value = 7, .counted = true});
  const auto mark = watch.mark();
  watch.Listed(Queue({{"next", 7}}));
  EXPECT_TRUE(Restart(mark));
}

TEST(Numbers, AreCountedWhereComfyUiWritesAnInteger) {
  AnswerReader reader;
  const auto queue = reader.Queue(test_data::AsBody(
      R"({"queue_running": [], "queue_pending": [[-1, "a"], [0, "b"], [1.0, "c"], [2, "d"], [1e2, "e"], ["7", "f"],
          [NaN, "g"], [100000000000000000000000, "h"]]})"));
  ASSERT_TRUE(queue);
  std::string counted;
  for (const auto& item : queue->listing.pending) counted += item.number.counted ? item.job_id : "";
  EXPECT_EQ(counted, "bd");
  const auto jobs = reader.JobsAsQueue(test_data::AsBody(
      R"({"jobs": [{"id": "a", "status": "pending", "priority": 3}, {"id": "b", "status": "pending", "priority": 4.0}]})"));
  ASSERT_TRUE(jobs);
  EXPECT_TRUE(jobs->pending.at(0).number.counted);
  EXPECT_FALSE(jobs->pending.at(1).number.counted);
  EXPECT_EQ(jobs->pending[0].number, jobs::QueueNumber{3}) << "the same number wherever it comes from";
}

TEST(Numbers, OfNoRecordingGiveReasonToDoubt) {
  std::map<std::string, Continuity> watches;  // by scenario
  AnswerReader reader;
  int listings = 0;
  for (const auto& exchange : test_data::AllExchanges()) {
    if (exchange.method != "GET" || exchange.status != 200 || !exchange.Header("Content-Encoding").empty()) continue;
    SCOPED_TRACE(exchange.folder + "/" + exchange.label);
    const std::string path = exchange.path.starts_with("/api/queue") ? "/queue" : exchange.path;
    const Body body = test_data::AsBody(exchange.body);
    Continuity& watch = watches[exchange.folder];
    const auto before = watch.mark();
    if (path == "/queue") {
      const auto queue = reader.Queue(body);
      ASSERT_TRUE(queue);
      watch.Listed(queue->listing);
      ++listings;
    } else if (path == "/api/jobs") {
      const auto queue = reader.JobsAsQueue(body);
      ASSERT_TRUE(queue);
      watch.Listed(*queue);
      ++listings;
    } else if (constexpr std::string_view kHistory = "/history/"; path.starts_with(kHistory)) {
      const std::string id = path.substr(kHistory.size());
      const auto entry = reader.History(body, id, *Address::Parse("http://comfy:8188"));
      if (entry && *entry) watch.Numbered(id, (*entry)->number);
    }
    EXPECT_FALSE(watch.DoubtSince(before));
  }
  EXPECT_GT(listings, 100);
}

class WitnessesTest : public testing::Test {
 protected:
  Witnesses witnesses;
  // Points in the watch, with a doubt between each and the next.
  static Continuity::Mark At(std::uint64_t doubts) { return {.suspicions = doubts}; }
  static constexpr jobs::QueueNumber kNumber{4};
};

TEST_F(WitnessesTest, KnowNothingWhereThereAreNone) {
  EXPECT_EQ(witnesses.NextToAsk(At(0), At(1)), std::nullopt);
  EXPECT_EQ(witnesses.SameSince(At(0), At(1)), std::nullopt);
}

TEST_F(WitnessesTest, ThatAreStillThereShowTheSameProcess) {
  witnesses.Learn("a", kNumber, At(1));
  EXPECT_EQ(witnesses.SameSince(At(1), At(2)), std::nullopt) << "not before it was asked";
  EXPECT_EQ(witnesses.NextToAsk(At(1), At(2)), "a");
  witnesses.Answered("a", kNumber, At(2));
  EXPECT_EQ(witnesses.SameSince(At(1), At(2)), true);
  EXPECT_EQ(witnesses.NextToAsk(At(1), At(2)), std::nullopt);
  EXPECT_EQ(witnesses.SameSince(At(0), At(2)), std::nullopt) << "of the time before it was there it knows nothing";
  EXPECT_EQ(witnesses.SameSince(At(1), At(3)), std::nullopt) << "there is doubt again";
  EXPECT_EQ(witnesses.NextToAsk(At(1), At(3)), "a");
}

TEST_F(WitnessesTest, ThatAreAllGoneShowAnotherProcess) {
  witnesses.Learn("a", kNumber, At(1));
  witnesses.Learn("b", kNumber, At(1));
  EXPECT_EQ(witnesses.NextToAsk(At(1), At(2)), "b") << "the newest first";
  witnesses.Answered("b", std::nullopt, At(2));
  EXPECT_EQ(witnesses.NextToAsk(At(1), At(2)), "a") << "it may be that one alone was deleted";
  witnesses.Answered("a", std::nullopt, At(2));
  EXPECT_EQ(witnesses.SameSince(At(1), At(2)), false);
  EXPECT_EQ(witnesses.NextToAsk(At(1), At(3)), std::nullopt) << "who is gone does not come back";
  EXPECT_EQ(witnesses.SameSince(At(2), At(3)), std::nullopt) << "they went before that";
}

TEST_F(WitnessesTest, OfWhichOneIsGoneSayNothingThatAnotherWhoIsThereDenies) {
  witnesses.Learn("a", kNumber, At(1));
  witnesses.Learn("b", kNumber, At(1));
  witnesses.Answered("b", std::nullopt, At(2));
  witnesses.Answered("a", kNumber, At(2));
  EXPECT_EQ(witnesses.SameSince(At(1), At(2)), true);
}

TEST_F(WitnessesTest, OfAnotherProcessDoNotSpeakForThisOne) {
  witnesses.Learn("old", kNumber, At(1));
  witnesses.Learn("new", kNumber, At(2));
  witnesses.Answered("old", std::nullopt, At(2));
  EXPECT_EQ(witnesses.SameSince(At(1), At(2)), false) << "what was there before the restart";
  EXPECT_EQ(witnesses.SameSince(At(2), At(2)), true) << "and what came after it";
}

TEST_F(WitnessesTest, WhoseIdWasUsedAgainOrThatCannotBeReadAreNone) {
  witnesses.Learn("a", kNumber, At(1));
  witnesses.Answered("a", jobs::QueueNumber{7}, At(2));
  EXPECT_EQ(witnesses.SameSince(At(1), At(2)), std::nullopt);
  witnesses.Learn("b", kNumber, At(2));
  witnesses.NotAnswered("b", At(3));
  EXPECT_EQ(witnesses.SameSince(At(2), At(3)), std::nullopt);
}

TEST_F(WitnessesTest, AreTheNewestFew) {
  for (const char* id : {"a", "b", "c", "d", "b"}) witnesses.Learn(id, kNumber, At(1));
  std::string asked;
  while (const auto id = witnesses.NextToAsk(At(1), At(2))) {
    asked += *id;
    witnesses.NotAnswered(*id, At(2));
  }
  EXPECT_EQ(asked, "bdc");
}

}  // namespace
}  // namespace comfy
