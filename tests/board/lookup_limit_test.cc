// How many look-ups of unknown jobs a caller may cause.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "board/board.h"
#include "board/played.h"

namespace board {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class LookupLimit : public testing::Test {
 protected:
  LookupLimit() {
    board.Connect("a", source);
    board.Connect("b", source_b);
  }

  // How it has ended until now, as a word.
  std::string* LookUp(const std::string& id, const std::string& caller = "me", jobs::Steady now = kSteady) {
    return Begin(id, {.name = caller}, now, now);
  }
  std::string* Watch(const std::string& id, const std::string& caller = "me", jobs::Steady now = kSteady) {
    return Begin(id, {.name = caller, .patient = true}, now + 1h, now);
  }
  std::string* Begin(const std::string& id, Caller caller, jobs::Steady until, jobs::Steady now) {
    std::string* const word = words.emplace_back(std::make_unique<std::string>("open")).get();
    handles.push_back(board.LookUp(
        id, "", until, now,
        [word, this](const LookupResult& result) {
          const auto* const too_many = std::get_if<TooManyLookups>(&result);
          *word = std::holds_alternative<Snapshot>(result) ? "found" : too_many != nullptr ? "too many" : "not found";
          if (too_many != nullptr) retry_after = too_many->retry_after;
        },
        [] {}, std::move(caller)));
    return word;
  }
  void Miss(const std::string& id, jobs::Steady asked_at = kSteady) {
    for (const char* backend : {"a", "b"}) board.Observe(backend, jobs::LookupMissed{id, asked_at}, kNow);
  }

  Asked source, source_b;
  Board board{{{"a", "http://a"}, {"b", "http://b"}}, {.remember_unknown = 1s, .max_lookups_per_second = 2}, 100};
  jobs::Duration retry_after{0};
  std::vector<std::unique_ptr<std::string>> words;
  std::vector<Board::Handle> handles;
};

TEST_F(LookupLimit, RefusesACallerThatHasNoneLeftAndNoOther) {
  LookUp("1");
  LookUp("2");
  EXPECT_EQ(*LookUp("3"), "too many");
  EXPECT_EQ(retry_after, 500ms);
  EXPECT_THAT(source.looked_for, ElementsAre("1", "2"));
  EXPECT_EQ(*LookUp("3", "other"), "open");
  EXPECT_THAT(source.looked_for, ElementsAre("1", "2", "3"));
  EXPECT_EQ(*LookUp("4", "me", kSteady + 500ms), "open");
  EXPECT_EQ(board.met().lookups_refused, 1u);
  EXPECT_EQ(board.met().lookups_delayed, 0u);
}

TEST_F(LookupLimit, CountsOnlyWhatComfyuiIsAsked) {
  board.Observe("a", Queue({"known"}, {}), kNow);
  LookUp("1");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*LookUp("known"), "found");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*LookUp("1"), "open") << "joins the look-up that is under way";
  Miss("1");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(*LookUp("1"), "not found") << "is remembered";
  EXPECT_EQ(*LookUp("2"), "open");
  EXPECT_EQ(*LookUp("3"), "too many");
}

TEST_F(LookupLimit, CountsALookUpThatWouldHaveToAskMoreThanTheOneUnderWay) {
  handles.push_back(board.LookUp(
      "1", "a", kSteady, kSteady, [](const LookupResult&) {}, [] {}, {.name = "me"}));
  EXPECT_EQ(*LookUp("1"), "open");
  EXPECT_THAT(source_b.looked_for, ElementsAre("1"));
  EXPECT_EQ(*LookUp("2"), "too many");
}

TEST_F(LookupLimit, LetsAWatchWaitForItsTurn) {
  for (const char* id : {"1", "2", "3", "4"}) EXPECT_EQ(*Watch(id), "open");
  EXPECT_THAT(source.looked_for, ElementsAre("1", "2"));
  EXPECT_EQ(board.TakeTurns(kSteady), kSteady + 500ms);
  EXPECT_EQ(board.TakeTurns(kSteady + 500ms), kSteady + 1s);
  EXPECT_THAT(source.looked_for, ElementsAre("1", "2", "3"));
  EXPECT_THAT(source_b.looked_for, ElementsAre("1", "2", "3"));
  EXPECT_EQ(board.TakeTurns(kSteady + 1s), jobs::Steady::max());
  EXPECT_THAT(source.looked_for, ElementsAre("1", "2", "3", "4"));
  EXPECT_EQ(board.met().lookups_delayed, 2u);
  EXPECT_EQ(board.met().lookups_refused, 0u);
}

TEST_F(LookupLimit, TellsAWatchOfAJobThatAppearsBeforeItsTurnHasCome) {
  for (const char* id : {"1", "2"}) Watch(id);
  const std::string* const third = Watch("3");
  board.Observe("a", Queue({"3"}, {}), kNow);
  EXPECT_EQ(*third, "found");
  EXPECT_EQ(board.TakeTurns(kSteady), jobs::Steady::max()) << "and nobody asks for it any more";
}

TEST_F(LookupLimit, TakesNobodysWordForAWatchBeforeItsTurnHasCome) {
  for (const char* id : {"1", "2"}) Watch(id);
  const std::string* const third = Watch("3");
  Miss("3", kSteady + 2h);
  EXPECT_EQ(*third, "open");
  board.TakeTurns(kSteady + 500ms);
  Miss("3", kSteady + 2h);
  EXPECT_EQ(*third, "not found");
}

TEST_F(LookupLimit, GivesTheTurnOfAWatchThatHasLeftToTheNext) {
  for (const char* id : {"1", "2", "3", "4"}) Watch(id);
  handles[2].End();
  board.TakeTurns(kSteady + 500ms);
  EXPECT_THAT(source.looked_for, ElementsAre("1", "2", "4"));
}

TEST_F(LookupLimit, OfALongWatchHoldsUpItsOwnCallerAlone) {
  for (int i = 0; i < 1000; ++i) Watch(std::to_string(i));
  EXPECT_EQ(*LookUp("x"), "too many");
  EXPECT_EQ(retry_after, 500ms * (1000 - 2 + 1));
  EXPECT_EQ(*LookUp("x", "other"), "open");
  EXPECT_EQ(*Watch("y", "other"), "open");
  EXPECT_EQ(source.looked_for.back(), "y");
}

}  // namespace
}  // namespace board
