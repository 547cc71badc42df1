#include "archive/stored_status.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace archive {
namespace {

using namespace std::chrono_literals;

jobs::JobStatus Full() {
  jobs::JobStatus status;
  status.number = {-2.5};
  status.queue = {.position = 3, .size = 7};
  status.progress = {.percentage = 12.5,
                     .completed_nodes = 1,
                     .total_nodes = 8,
                     .cached_nodes = 2,
                     .source = jobs::ProgressSource::kCompanion};
  status.outputs = {{.node_id = "9",
                     .ui_key = "images",
                     .media_type = jobs::MediaType::kImage,
                     .filename = "cät 猫 \xff.png",
                     .subfolder = "a/b",
                     .folder_type = "output",
                     .content_type = "image/png",
                     .text = "",
                     .url = "http://gpu/view?filename=x"},
                    {.node_id = "10", .ui_key = "text", .media_type = jobs::MediaType::kText, .text = "hello\n"}};
  status.outputs_left_out = 4;
  status.error = {.reason = jobs::ErrorReason::kInterrupted,
                  .message = "boom",
                  .node_id = "3",
                  .node_type = "KSampler",
                  .exception_type = "RuntimeError",
                  .traceback = {"line 1\n", "line 2\n"}};
  status.create_time = jobs::Time(1'700'000'000'123'456us);
  status.start_time = jobs::Time(-1us);
  status.end_time = jobs::Time(0us);
  status.verdict_recorded = false;
  return status;
}

TEST(StoredStatus, IsReadAsItWasWritten) {
  jobs::JobStatus read;
  ASSERT_TRUE(Decode(Encode(Full()), read));
  EXPECT_EQ(read, Full());
  jobs::JobStatus bare;
  ASSERT_TRUE(Decode(Encode(jobs::JobStatus()), bare));
  EXPECT_EQ(bare, jobs::JobStatus());
}

TEST(StoredStatus, KeepsEveryKindOfEveryEnumeration) {
  for (int i = 0; i < 6; ++i) {
    jobs::JobStatus status;
    status.outputs.push_back({.media_type = static_cast<jobs::MediaType>(i)});
    if (i < 5) status.progress = {.source = static_cast<jobs::ProgressSource>(i)};
    if (i < 5) status.error = {.reason = static_cast<jobs::ErrorReason>(i)};
    jobs::JobStatus read;
    ASSERT_TRUE(Decode(Encode(status), read));
    EXPECT_EQ(read, status);
    EXPECT_EQ(StateOf(StateNumber(static_cast<jobs::JobState>(i))), static_cast<jobs::JobState>(i));
  }
  EXPECT_EQ(StateOf(0), std::nullopt);
  EXPECT_EQ(StateOf(7), std::nullopt);
}

TEST(StoredStatus, KeepsNumbersThatAreNone) {
  for (const double number : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    jobs::JobStatus status{.number = {number}};
    jobs::JobStatus read;
    ASSERT_TRUE(Decode(Encode(status), read));
    EXPECT_EQ(read, status);
  }
}

TEST(StoredStatus, KeepsWhetherComfyuiCountedTheNumber) {
  jobs::JobStatus read;
  ASSERT_TRUE(Decode(Encode({.number = {.value = 12, .counted = true}}), read));
  EXPECT_TRUE(read.number.counted);
}

TEST(StoredStatus, ForgetsTheNodeThatRan) {
  jobs::JobStatus status{.progress = jobs::Progress{.percentage = 50, .current_node = jobs::NodeProgress{"3"}}};
  jobs::JobStatus read;
  ASSERT_TRUE(Decode(Encode(status), read));
  EXPECT_EQ(read.progress->current_node, std::nullopt);
}

TEST(StoredStatus, RefusesDamagedBytesAndNeverCrashesOnThem) {
  jobs::JobStatus read;
  EXPECT_FALSE(Decode("\xff\xff\xff", read));
  const std::string good = Encode(Full());
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const char with : {'\0', '\xff', '\x80', '\x12'}) {
      std::string bad = good;
      bad[i] = with;
      jobs::JobStatus ignored;
      Decode(bad, ignored);
    }
    jobs::JobStatus ignored;
    Decode(good.substr(0, i), ignored);
  }
}

}  // namespace
}  // namespace archive
