#include "web/status_json.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace web {
namespace {

using jobs::JobState;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const jobs::Time kNow{seconds(1'800'000'000)};

board::Snapshot Job(jobs::JobStatus status) {
  if (status.backend.empty()) status.backend = "gpu";
  status.observe_time = kNow;
  return std::make_shared<const jobs::JobStatus>(std::move(status));
}

board::Snapshot Queued(const std::string& id, int position) {
  return Job({.job_id = id, .state = JobState::kQueued, .queue = jobs::QueuePlace{position, 500}});
}

TEST(StatusJson, TellsHowFarARunningJobIs) {
  const auto job = Job({.job_id = "cat",
                        .state = JobState::kProcessing,
                        .progress = jobs::Progress{.percentage = 12.3456,
                                                   .completed_nodes = 1,
                                                   .total_nodes = 8,
                                                   .current_node = jobs::NodeProgress{"3", "KSampler", 5, 20}},
                        .estimate = jobs::Estimate{kNow + seconds(4), kNow + seconds(3), kNow + seconds(6)}});
  const std::string json = StatusJson({.now = kNow, .backends = {}, .unfinished = {job}, .ended = {}});
  for (const char* field :
       {R"("now":1800000000000)", R"("id":"cat")", R"("percent":12.35)", R"("nodes_done":1,"nodes":8)",
        R"("node":"KSampler","step":5,"steps":20)", R"("end_expected":1800000004000)", R"("queued":[])"})
    EXPECT_THAT(json, HasSubstr(field));
}

TEST(StatusJson, LeavesOutWhatIsNotKnown) {
  const auto job = Job({.job_id = "cat", .state = JobState::kProcessing});
  EXPECT_THAT(StatusJson({.now = kNow, .backends = {}, .unfinished = {job}, .ended = {}}),
              AllOf(Not(HasSubstr("percent")), Not(HasSubstr("end_")), Not(HasSubstr("node"))));
}

TEST(StatusJson, TheFirstOfALongQueueAreToldInTheirOrder) {
  Shown shown{.now = kNow};
  for (int position = 500; position > 0; --position)
    shown.unfinished.push_back(Queued("job" + std::to_string(position), position));
  const std::string json = StatusJson(shown);
  EXPECT_LT(json.find("\"job1\""), json.find("\"job2\""));
  EXPECT_LT(json.find("\"job9\""), json.find("\"job10\""));
  EXPECT_THAT(json, AllOf(HasSubstr("\"job100\""), Not(HasSubstr("\"job101\"")), HasSubstr("\"queued_left_out\":400")));
}

TEST(StatusJson, WhatEndedHasItsOutputsAndTheirAddresses) {
  std::vector<jobs::Output> outputs;
  for (int i = 0; i < 10; ++i)
    outputs.push_back({.filename = std::to_string(i) + ".png", .url = "http://gpu/view?filename=" + std::to_string(i)});
  const auto job = Job({.job_id = "cat", .state = JobState::kCompleted, .outputs = outputs, .outputs_left_out = 3});
  EXPECT_THAT(StatusJson({.now = kNow, .backends = {}, .unfinished = {}, .ended = {job}}),
              AllOf(HasSubstr(R"({"name":"7.png","url":"http://gpu/view?filename=7"}],"outputs_left_out":5)"),
                    Not(HasSubstr("8.png"))));
}

// ComfyUI takes any text as an id, and an error says what a custom node likes.
TEST(StatusJson, NothingInATextBreaksOutOfIt) {
  const auto job = Job({.job_id = "\"</script><img src=x>\\\n\x01",
                        .state = JobState::kFailed,
                        .error = jobs::JobError{.message = "\x1b[2J<b>&amp;"}});
  const std::string json = StatusJson({.now = kNow, .backends = {}, .unfinished = {}, .ended = {job}});
  EXPECT_THAT(json, HasSubstr(R"("id":"\"\u003c/script\u003e\u003cimg src=x\u003e\\\u000a\u0001")"));
  for (const char c : {'<', '>', '&', '\n', '\x01', '\x1b'}) EXPECT_EQ(json.find(c), std::string::npos) << int{c};
}

TEST(StatusJson, ALongTextIsCut) {
  const std::string text(100'000, 'x');
  const auto job = Job({.job_id = "cat",
                        .state = JobState::kFailed,
                        .outputs = {{.filename = text, .url = "http://gpu/"}, {.filename = "b", .url = text}},
                        .error = jobs::JobError{.message = text}});
  const board::BackendState backend{.name = "gpu", .last_error = text, .comfyui_version = text};
  EXPECT_LT(StatusJson({.now = kNow, .backends = {backend}, .unfinished = {}, .ended = {job}}).size(), 2'500u);
}

}  // namespace
}  // namespace web
