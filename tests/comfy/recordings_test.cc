#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "comfy/observed.h"
#include "comfy/test_data.h"
#include "fakes/recorded_comfy.h"
#include "fakes/recording.h"

// Every recorded scenario of every version, served over a real socket as it was, and watched by a real observer.
namespace comfy {
namespace {

using jobs::JobState;

using test_data::Recordings;
using test_data::Scenario;
using test_data::Scenarios;

class EveryRecording : public testing::TestWithParam<Scenario> {};

INSTANTIATE_TEST_SUITE_P(Recordings, EveryRecording, testing::ValuesIn(Scenarios()), [](const auto& scenario) {
  std::string name = scenario.param.version + "_" + scenario.param.name;
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
});

// How a history body says a job ended, found by looking for words instead of by parsing.
JobState EndInWords(const std::string& body) {
  const std::map<std::string, JobState> words = {{"[\"execution_success\"", JobState::kCompleted},
                                                 {"[\"execution_error\"", JobState::kFailed},
                                                 {"[\"execution_interrupted\"", JobState::kCancelled}};
  JobState end = JobState::kCompleted;  // of an entry without messages
  std::size_t last = 0;
  for (const auto& [word, state] : words) {
    const std::size_t at = body.rfind(word);
    if (at != std::string::npos && at >= last) {
      last = at;
      end = state;
    }
  }
  return end;
}

// The id a /history/{id} was asked for, if it is one that callers may use.
std::optional<std::string> AskedFor(const fakes::Exchange& exchange) {
  constexpr std::string_view kPrefix = "/history/";
  if (exchange.method != "GET" || exchange.status != 200 || !exchange.path.starts_with(kPrefix)) return std::nullopt;
  const std::string id = exchange.path.substr(kPrefix.size());
  const bool plain = id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") == std::string::npos &&
                     !id.empty() && id.size() < 100;
  return plain ? std::optional(id) : std::nullopt;
}

TEST_P(EveryRecording, IsReadAsWhatItSays) {
  const auto& [version, name] = GetParam();
  const auto recording = fakes::LoadRecording(Recordings(), version, name);
  fakes::RecordedComfy comfyui(Recordings(), version, name);
  for (const auto& exchange : recording.exchanges) {
    const auto id = AskedFor(exchange);
    if (!id) continue;
    SCOPED_TRACE(exchange.label + ", " + *id);
    comfyui.StepTo(exchange.index);
    Observed observed(comfyui.url());
    const auto result = observed.LookUp(*id);
    if (const auto* found = std::get_if<board::Snapshot>(&result)) {
      // The queue wins over the history: while an id that was used again waits or runs, the history has its earlier
      // run.
      if (jobs::IsTerminal((*found)->state)) {
        EXPECT_EQ((*found)->state, EndInWords(exchange.body));
        EXPECT_NE(exchange.body, "{}");
      }
      EXPECT_EQ((*found)->job_id, *id);
    } else {
      ASSERT_TRUE(std::holds_alternative<board::NotFound>(result)) << std::get<board::NotAsked>(result).error.detail;
      EXPECT_EQ(exchange.body, "{}");
    }
  }
}

TEST_P(EveryRecording, ShowsEveryJobOfEveryQueueInTheOrderOfExecution) {
  const auto& [version, name] = GetParam();
  const auto recording = fakes::LoadRecording(Recordings(), version, name);
  fakes::RecordedComfy comfyui(Recordings(), version, name);
  for (const auto& exchange : recording.exchanges) {
    const bool queue = exchange.path == "/queue" && exchange.method == "GET" && exchange.status == 200;
    if (!queue || exchange.body.find("\"queue_pending\": [[") == std::string::npos) continue;
    if (!exchange.Header("Content-Encoding").empty()) continue;
    SCOPED_TRACE(exchange.label);
    comfyui.StepTo(exchange.index);
    Observed observed(comfyui.url());
    observed.LookUp("nobody");  // makes it ask the queue
    ASSERT_TRUE(observed.Await([&] { return observed.board.Backends()[0].pending > 0; }));
    const int size = observed.board.Backends()[0].pending;
    std::map<int, int> places;
    observed.board.List({.states = {JobState::kQueued}, .limit = 100'000}, [&](const board::Board::Listed& listed) {
      for (const board::Board::Sighted& sighted : *listed) {
        EXPECT_EQ(sighted.snapshot->queue->size, size);
        ++places[sighted.snapshot->queue->position];
      }
    });
    EXPECT_LE(places.size(), static_cast<std::size_t>(size));
    for (const auto& [position, jobs_there] : places) {
      EXPECT_EQ(jobs_there, 1) << position;
      EXPECT_LE(position, size);
    }
  }
}

TEST(Recordings, OfFourVersionsAreThere) {
  std::map<std::string, int> counts;
  for (const auto& scenario : Scenarios()) ++counts[scenario.version];
  EXPECT_EQ(counts.size(), 4u);
  EXPECT_EQ(counts["2023-12"], 6);
  EXPECT_EQ(counts["v0.3.44"], 9);
  EXPECT_GT(counts["v0.3.64"], 35);
  EXPECT_GT(counts["v0.33.0"], 30);
}

}  // namespace
}  // namespace comfy
