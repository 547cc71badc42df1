#include "fakes/recorded_comfy.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "fakes/blocking_client.h"
#include "fakes/recording.h"

namespace fakes {
namespace {

const std::string kRoot = TEST_DATA_DIR "/recordings";

uint16_t PortOf(const RecordedComfy& comfy) {
  return static_cast<uint16_t>(std::stoi(comfy.url().substr(comfy.url().rfind(':') + 1)));
}

TEST(RecordedComfy, AnswersWhatWasNewestAtItsStep) {
  const Recording recording = LoadRecording(kRoot, "v0.3.64", "06-queue-order");
  RecordedComfy comfy(kRoot, "v0.3.64", "06-queue-order");
  BlockingClient client("127.0.0.1", PortOf(comfy));
  const auto expect_queue = [&](std::string_view label) {
    EXPECT_EQ(client.Ask("GET", "/queue")->body, recording.Find(label)->body);
  };
  expect_queue("queue-16-pending");  // the first, as none is older
  comfy.StepTo("delete-one");
  expect_queue("queue-16-pending");
  EXPECT_TRUE(comfy.Step());
  expect_queue("queue-after-delete");
  comfy.StepTo(comfy.step_count());
  EXPECT_FALSE(comfy.Step());
  EXPECT_EQ(client.Ask("GET", "/history")->body, recording.Find("history-all")->body);
  EXPECT_TRUE(comfy.WaitForRequests("/queue", 3));
  EXPECT_THROW(comfy.StepTo("no such label"), std::out_of_range);
}

TEST(RecordedComfy, TakesWhatTheScenarioLacksFromIdleElse404) {
  RecordedComfy comfy(kRoot, "v0.33.0", "40-api-jobs");
  BlockingClient client("127.0.0.1", PortOf(comfy));
  const Recording idle = LoadRecording(kRoot, "v0.33.0", "01-idle");
  EXPECT_EQ(client.Ask("GET", "/system_stats")->body, idle.Find("GET-system-stats")->body);
  EXPECT_EQ(client.Ask("GET", "/prompt")->body, idle.Find("GET-prompt")->body);
  const auto missing = client.Ask("GET", "/never-asked");
  EXPECT_EQ(missing->status, 404);
  EXPECT_EQ(missing->Header("Transfer-Encoding"), "chunked");
  EXPECT_EQ(client.Ask("POST", "/queue", "{}")->status, 405);
}

TEST(Recording, KnowsPackedBodiesAndHeaders) {
  const Recording recording = LoadRecording(kRoot, "v0.3.64", "15-history-limit");
  const Exchange* all = recording.Find("history-all-after-10020-jobs");
  ASSERT_TRUE(all);
  EXPECT_GT(all->body.size(), 7'000'000U);
  EXPECT_EQ(all->Header("content-type"), "application/json; charset=utf-8");
  EXPECT_EQ(recording.exchanges.front().index, 1U);
  EXPECT_THROW(LoadRecording(kRoot, "v0.3.64", "99-none"), std::runtime_error);
}

}  // namespace
}  // namespace fakes
