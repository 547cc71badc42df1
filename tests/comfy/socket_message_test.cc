#include "comfy/socket_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "comfy/test_data.h"

namespace comfy {
namespace {

using jobs::RunEvent;
using test_data::AsBody;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const jobs::Time kNow{std::chrono::seconds(1'700'000'000)};

std::optional<SocketMessage> Read(std::string_view text) {
  SocketMessageReader reader;
  return reader.Read(AsBody(text), RunEvent::Channel::kSeat, kNow);
}

// The event of a message; nothing when it says nothing of a run. A test failure when the message is refused.
std::optional<RunEvent> Event(std::string_view text) {
  const auto message = Read(text);
  EXPECT_TRUE(message) << text;
  return message ? message->event : std::nullopt;
}

// What an event says, when it is one of that kind; a test failure when it is not.
template <class Kind>
Kind Says(std::string_view text, const std::string& job_id = "p") {
  const auto event = Event(text);
  const Kind* said = event ? std::get_if<Kind>(&event->what) : nullptr;
  if (said == nullptr) {
    ADD_FAILURE() << text;
    return {};
  }
  EXPECT_EQ(event->job_id, job_id);
  EXPECT_EQ(event->heard_at, kNow);
  return *said;
}

TEST(SocketMessage, StatusSaysThatTheQueueMayHaveChangedAndTheFirstWhoWeAre) {
  const auto first =
      Read(R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 3}}, "sid": "jobstatus-1"}})");
  EXPECT_EQ(first->queue_remaining, 3);
  EXPECT_EQ(first->sid, "jobstatus-1");
  EXPECT_FALSE(first->event);
  const auto later = Read(R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}}})");
  EXPECT_EQ(later->queue_remaining, 0);
  EXPECT_EQ(later->sid, std::nullopt);
}

TEST(Trap18, OfAJobWhoseIdIsNotUsableNothingIsHeard) {
  const std::string executing = R"({"type": "executing", "data": {"node": "3", "prompt_id": ")";
  for (const std::string& id : {std::string(), std::string(257, 'x'), std::string("a\\nb")}) {
    EXPECT_FALSE(Event(executing + id + "\"}}")) << id;
  }
  EXPECT_TRUE(Event(executing + std::string(256, 'x') + "\"}}"));
}

TEST(SocketMessage, FeatureFlagsAreTheAnswerToOurs) {
  EXPECT_TRUE(Read(R"({"type": "feature_flags", "data": {"supports_preview_metadata": true, "max": [1]}})")->features);
  EXPECT_FALSE(Read(R"({"type": "status", "data": {}})")->features);
}

TEST(SocketMessage, OfARunTellsItsBeginningItsCacheAndItsEnd) {
  EXPECT_EQ(Says<RunEvent::Began>(R"({"type": "execution_start", "data": {"prompt_id": "p"}})").timestamp,
            std::nullopt);
  EXPECT_EQ(
      Says<RunEvent::Began>(R"({"type": "execution_start", "data": {"prompt_id": "p", "timestamp": 5000}})").timestamp,
      jobs::Time(std::chrono::seconds(5)));
  EXPECT_THAT(Says<RunEvent::Cached>(
                  R"({"type": "execution_cached", "data": {"nodes": ["1", "a:b", 7, null], "prompt_id": "p"}})")
                  .nodes,
              ElementsAre("1", "a:b"));
  EXPECT_FALSE(Says<RunEvent::Over>(R"({"type": "execution_success", "data": {"prompt_id": "p"}})").failed);
  EXPECT_TRUE(Says<RunEvent::Over>(R"({"type": "execution_interrupted", "data": {"prompt_id": "p"}})").failed);
  EXPECT_TRUE(
      Says<RunEvent::Over>(R"({"type": "execution_error", "data": {"prompt_id": "p", "exception_type": "Boom"}})")
          .failed);
}

TEST(SocketMessage, OfANodeTellsThatItExecutesAndItsSteps) {
  const auto executing = Says<RunEvent::Executing>(
      R"({"type": "executing", "data": {"node": "1.0.0.3", "display_node": "1", "prompt_id": "p"}})");
  EXPECT_EQ(executing.node, "1.0.0.3");
  EXPECT_EQ(executing.display_node, "1");
  const auto step =
      Says<RunEvent::Step>(R"({"type": "progress", "data": {"value": 2, "max": 6.5, "prompt_id": "p", "node": ""}})");
  EXPECT_EQ(step.node, "");
  EXPECT_EQ(step.value, 2);
  EXPECT_EQ(step.max, 6.5);
  const auto old = Says<RunEvent::Step>(R"({"type": "progress", "data": {"value": 2, "max": 6}})", "");
  EXPECT_EQ(old.node, std::nullopt);
}

TEST(SocketMessage, ProgressStateTellsOfAllItsNodes) {
  const auto states = Says<RunEvent::NodeStates>(
      R"({"type": "progress_state", "data": {"prompt_id": "p", "nodes": {)"
      R"("1": {"value": 3, "max": 3, "state": "finished", "node_id": "1", "prompt_id": "x", "display_node_id": "1", "parent_node_id": null},)"
      R"("2.0.0.1": {"max": 4, "value": 1.5, "state": "running", "display_node_id": "2", "activity": {"value": 9}},)"
      R"("3": null, "4": 5, "5": {}}}})");
  ASSERT_THAT(states.nodes, SizeIs(3));
  EXPECT_TRUE(states.nodes[0].finished);
  EXPECT_EQ(states.nodes[1].node, "2.0.0.1");
  EXPECT_EQ(states.nodes[1].display_node, "2");
  EXPECT_FALSE(states.nodes[1].finished);
  EXPECT_EQ(states.nodes[1].value, 1.5);
  EXPECT_EQ(states.nodes[1].max, 4);
  EXPECT_EQ(states.nodes[2].node, "5");
}

TEST(SocketMessage, ExecutingNullIsTheEndOfTheJobThatItNamesAndOfNoneOtherwise) {
  EXPECT_FALSE(Says<RunEvent::Over>(R"({"type": "executing", "data": {"node": null, "prompt_id": "p"}})").failed);
  EXPECT_FALSE(Event(R"({"type": "executing", "data": {"node": null}})"));
  EXPECT_FALSE(Event(R"({"type": "executing", "data": {"prompt_id": "p"}})"));
  EXPECT_FALSE(Event(R"({"type": "executing", "data": {"node": 5, "prompt_id": "p"}})"));
}

TEST(SocketMessage, ExecutingWithoutAJobIsToldToOneWhoComesBack) {
  const auto event = Event(R"({"type": "executing", "data": {"node": "3"}})");
  ASSERT_TRUE(event);
  EXPECT_TRUE(event->replayed);
  EXPECT_EQ(event->job_id, "");
  EXPECT_FALSE(Event(R"({"type": "executing", "data": {"node": "3", "prompt_id": "p"}})")->replayed);
}

TEST(Trap11, ABlockedNodeIsToldAsAnErrorAndEndsNothing) {
  EXPECT_FALSE(
      Event(R"({"type": "execution_error", "data": {"prompt_id": "p", "exception_type": "ExecutionBlocked"}})"));
}

TEST(SocketMessage, WhatItDoesNotKnowSaysNothing) {
  for (const char* text :
       {R"({"type": "executed", "data": {"node": "1", "output": {"images": [NaN]}, "prompt_id": "p"}})",
        R"({"type": "crystools.monitor", "data": {"cpu": 5}})", R"({"type": "logs", "data": null})",
        R"({"type": "progress_state", "data": {"nodes": {}}})", R"({"type": "execution_start", "data": {}})",
        R"({"type": "execution_start"})", R"({"type": "execution_start", "data": [1]})", R"({"type": 5, "data": {}})",
        R"({"type": null})", "{}", R"({"data": {"prompt_id": "p"}})", R"({"type": "progress"})",
        R"({"type": "progress", "data": null})", R"({"type": "jobstatus.mirror"})",
        R"({"type": "jobstatus.mirror", "data": 5})", R"({"type": "jobstatus.mirror", "data": {}})"}) {
    const auto message = Read(text);
    ASSERT_TRUE(message) << text;
    EXPECT_FALSE(message->event || message->queue_remaining || message->sid || message->features) << text;
  }
}

TEST(SocketMessage, KeysThatAreNotKnownAreToleratedAnywhere) {
  Says<RunEvent::Step>(
      R"({"workflow_id": {"type": "x"}, "type": "progress", "x": [1, {"data": 5}], "data": {"node": "1", "workflow_id": "w", "max": 2, "prompt_id": "p", "value": 1}, "y": null})");
}

TEST(SocketMessage, WithItsDataBeforeItsTypeSaysNothingWrong) {
  EXPECT_FALSE(Event(R"({"data": {"prompt_id": "p", "node": "1", "value": 1, "max": 2}, "type": "progress"})"));
  EXPECT_FALSE(Event(R"({"data": {"prompt_id": "p"}, "type": "execution_success"})"));
}

TEST(Mirror, TellsWhatOthersWereTold) {
  const auto event = Event(
      R"({"type": "jobstatus.mirror", "data": {"type": "executing", "data": {"node": "3", "display_node": "3", "prompt_id": "p"}}})");
  ASSERT_TRUE(event);
  EXPECT_EQ(event->channel, RunEvent::Channel::kMirror);
  EXPECT_FALSE(event->replayed);
  EXPECT_EQ(std::get<RunEvent::Executing>(event->what).node, "3");
  EXPECT_EQ(Event(R"({"type": "executing", "data": {"node": "3", "prompt_id": "p"}})")->channel,
            RunEvent::Channel::kSeat);
}

TEST(Mirror, TellsALateComerWhatItMissed) {
  const auto event = Event(
      R"({"type": "jobstatus.mirror", "data": {"type": "execution_start", "replayed": true, "data": {"prompt_id": "p", "timestamp": 5}}})");
  EXPECT_TRUE(event && event->replayed);
  EXPECT_TRUE(
      Event(
          R"({"type": "jobstatus.mirror", "data": {"type": "execution_start", "data": {"prompt_id": "p"}, "replayed": true}})")
          ->replayed);
}

TEST(Mirror, OfAMirrorIsNothing) {
  const auto message = Read(
      R"({"type": "jobstatus.mirror", "data": {"type": "jobstatus.mirror", "data": {"type": "execution_success", "data": {"prompt_id": "p"}}}})");
  EXPECT_TRUE(message && !message->event);
}

TEST(Mirror, TellsNothingOfTheSocketItself) {
  const auto message = Read(
      R"({"type": "jobstatus.mirror", "data": {"type": "status", "data": {"sid": "x", "status": {"exec_info": {"queue_remaining": 1}}}}})");
  EXPECT_TRUE(message && !message->event);
}

TEST(Trap8, NotANumberAndHugeNumbersAreTakenForWhatTheyAre) {
  const auto value = [](const std::string& number) {
    return Says<RunEvent::Step>(R"({"type": "progress", "data": {"value": )" + number +
                                R"(, "max": 20, "prompt_id": "p", "node": "1"}})")
        .value;
  };
  EXPECT_TRUE(std::isnan(value("NaN")));
  EXPECT_EQ(value("Infinity"), std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(value("null")));
  EXPECT_TRUE(std::isnan(value("\"5\"")));
  EXPECT_TRUE(std::isnan(value("[5]")));
  EXPECT_TRUE(std::isnan(value("{\"value\": 5}")));
  EXPECT_EQ(value("-3"), -3);
  EXPECT_EQ(value("1e3"), 1000);
  EXPECT_EQ(value("123456789012345678901234567890"), 123456789012345678901234567890.0);
  EXPECT_EQ(value("1" + std::string(400, '0')), std::numeric_limits<double>::infinity());
  for (const char* count : {"-5", "NaN", "1e99", "123456789012345678901234567890", "null", "{}"}) {
    const auto message = Read(R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": )" +
                              std::string(count) + "}}}}");
    ASSERT_TRUE(message) << count;
    EXPECT_EQ(message->queue_remaining, 0) << count;
  }
}

TEST(Trap8, LoneSurrogatesHideNoOtherNode) {
  const auto states = Says<RunEvent::NodeStates>(
      R"({"type": "progress_state", "data": {"prompt_id": "p", "nodes": {"\ud800": {"state": "running"}, "2": {"state": "finished", "display_node_id": "\udc00"}}}})");
  ASSERT_THAT(states.nodes, SizeIs(2));
  EXPECT_EQ(states.nodes[1].node, "2");
  EXPECT_TRUE(states.nodes[1].finished);
  EXPECT_FALSE(Event(R"({"type": "execution_start", "data": {"prompt_id": "a\ud800"}})"));
  EXPECT_FALSE(Event(R"({"type": "executing", "data": {"node": "a\ud800", "prompt_id": "p"}})"));
}

TEST(Trap7, OfAMessageWithHundredsOfThousandsOfNodesSomeAreKept) {
  std::string states = R"({"type": "progress_state", "data": {"prompt_id": "p", "nodes": {)";
  std::string cached = R"({"type": "execution_cached", "data": {"nodes": [)";
  for (int i = 0; i < 25'000; ++i) {
    states += (i > 0 ? ",\"" : "\"") + std::to_string(i) + "\":{}";
    cached += (i > 0 ? ",\"" : "\"") + std::to_string(i) + '"';
  }
  EXPECT_THAT(Says<RunEvent::NodeStates>(states + "}}}").nodes, SizeIs(20'000));
  EXPECT_THAT(Says<RunEvent::Cached>(cached + R"(], "prompt_id": "p"}})").nodes, SizeIs(20'000));
}

TEST(SocketMessage, NestedWithoutEndIsRefusedOrPassedOver) {
  const std::string arrays = std::string(500'000, '[') + std::string(500'000, ']');
  EXPECT_FALSE(Event("{\"x\": " + arrays + ", \"type\": \"logs\", \"data\": {\"node\": " + arrays + "}}"));
  std::string mirrors;
  for (int i = 0; i < 100'000; ++i) mirrors += R"({"type": "jobstatus.mirror", "data": )";
  EXPECT_FALSE(Event(mirrors + "{}" + std::string(100'000, '}')));
  EXPECT_FALSE(Read(mirrors));
}

const std::vector<std::string> kGood = {
    R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, "sid": "a\u00e9"}})",
    R"({"type": "progress_state", "data": {"prompt_id": "p", "nodes": {"1": {"value": 1.5, "max": NaN, "state": "running", "display_node_id": "1"}}}})",
    R"({"type": "jobstatus.mirror", "data": {"type": "execution_cached", "data": {"nodes": ["1", "2"], "prompt_id": "p"}}, "replayed": true})",
};

TEST(TruncatedMessages, AreRefusedAtEveryLength) {
  SocketMessageReader reader;
  for (const std::string& good : kGood) {
    ASSERT_TRUE(reader.Read(AsBody(good), RunEvent::Channel::kSeat, kNow));
    for (std::size_t length = 0; length < good.size(); ++length)
      EXPECT_FALSE(reader.Read(AsBody(good.substr(0, length)), RunEvent::Channel::kSeat, kNow)) << length;
  }
}

TEST(FlippedBytes, NeverCrashTheReaderOfMessages) {
  SocketMessageReader reader;
  int refused = 0;
  for (const std::string& good : kGood) {
    for (std::size_t at = 0; at < good.size(); ++at) {
      for (int byte = 0; byte < 256; byte += 5) {
        std::string bad = good;
        bad[at] = static_cast<char>(byte);
        if (!reader.Read(AsBody(bad), RunEvent::Channel::kSeat, kNow)) ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000);
  EXPECT_TRUE(reader.Read(AsBody(kGood[0]), RunEvent::Channel::kSeat, kNow));  // and it reads on
}

TEST(Messages, ThatAreNotOfComfyuisShapeAreRefused) {
  for (const char* text : {"", " ", "null", "5", "[]", "\"status\"", "<html>", "{", "}", "{\"type\"", "\xff\xfe"}) {
    EXPECT_FALSE(Read(text)) << text;
  }
}

}  // namespace
}  // namespace comfy
