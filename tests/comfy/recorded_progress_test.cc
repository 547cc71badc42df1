#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "comfy/answers.h"
#include "comfy/socket_message.h"
#include "comfy/test_data.h"
#include "fakes/python_json.h"
#include "fakes/recorded_frames.h"
#include "fakes/recording.h"
#include "jobs/heard.h"
#include "jobs/run.h"

// What real ComfyUI servers told over their sockets, and how far each job is said to be after each message.
namespace comfy {
namespace {

using fakes::Json;
using jobs::RunEvent;
using test_data::AsBody;
using test_data::Recordings;
using test_data::Scenario;
using testing::ElementsAre;
using Workflows = std::map<std::string, std::shared_ptr<const jobs::Workflow>>;

constexpr std::size_t kMaxBodyBytes = 1'000'000;  // of those that are read here; bigger ones tell nothing more

// From an answer of /queue; those that are known already stay.
void AddFromQueue(const std::string& body, Workflows& workflows) {
  AnswerReader reader;
  const auto queue = reader.Queue(
      AsBody(body), {.workflow = [](const std::string&, jobs::QueueNumber) { return true; }, .client_id = {}});
  if (!queue) return;
  for (const auto* items : {&queue->listing.running, &queue->listing.pending}) {
    for (const jobs::QueueItem& item : *items) workflows.emplace(item.job_id, item.workflow);
  }
}

// From one queue item: [number, prompt_id, prompt, extra_data, outputs].
void AddItem(const Json& item, Workflows& workflows) {
  AddFromQueue("{\"queue_running\": [" + ToText(item) + "], \"queue_pending\": []}", workflows);
}

// A submitted graph as it will stand in the queue.
void AddSubmitted(const fakes::Exchange& post, Workflows& workflows) {
  static const std::set<std::string> kOutputClasses = {"SaveNothing", "PreviewImage",     "SaveImage",  "TextOut",
                                                       "OddUi",       "SaveNothingTuple", "ManyImages", "NanOut"};
  const auto request = fakes::ParseJson(post.request_body);
  const auto answer = fakes::ParseJson(post.body);
  const Json* const prompt = request ? request->Find("prompt") : nullptr;
  const Json* const id = answer ? answer->Find("prompt_id") : nullptr;
  if (prompt == nullptr || id == nullptr) return;
  std::vector<Json> outputs;
  for (const auto& [node, value] : prompt->members) {
    const Json* const class_type = value.Find("class_type");
    if (class_type != nullptr && kOutputClasses.contains(class_type->text)) outputs.push_back(Json::String(node));
  }
  AddItem(Json::Array({Json::Int(0), *id, *prompt, Json::Object(), Json::Array(outputs)}), workflows);
}

Workflows WorkflowsOf(const fakes::Recording& recording) {
  Workflows workflows;
  for (const auto& exchange : recording.exchanges) {
    if (exchange.status != 200 || exchange.body.size() > kMaxBodyBytes || exchange.method != "GET") continue;
    if (exchange.path.ends_with("/queue")) AddFromQueue(exchange.body, workflows);
    const auto history =
        exchange.path.find("/history") != std::string::npos ? fakes::ParseJson(exchange.body) : std::nullopt;
    if (!history) continue;
    for (const auto& [id, entry] : history->members) {
      if (const Json* item = entry.Find("prompt")) AddItem(*item, workflows);
    }
  }
  for (const auto& exchange : recording.exchanges) {
    if (exchange.status == 200 && exchange.path == "/prompt" && exchange.method == "POST")
      AddSubmitted(exchange, workflows);
  }
  return workflows;
}

// What one socket heard of one job.
struct Stream {
  std::string socket;
  std::string job_id;
  std::vector<RunEvent> events;
};

// In the order in which the jobs were first heard of, socket by socket. An event without a job is of the one named
// last, or else of the one named next.
std::vector<Stream> Streams(const Scenario& scenario) {
  std::vector<Stream> streams;
  SocketMessageReader reader;
  for (const auto& socket : fakes::LoadSockets(Recordings(), scenario.version, scenario.name)) {
    const std::size_t first = streams.size();
    std::string current;
    std::vector<RunEvent> early;
    for (const auto& frame : socket.frames) {
      if (frame.op != "text" || !frame.from_server) continue;
      const auto message =
          reader.Read(AsBody(frame.payload()), RunEvent::Channel::kSeat, jobs::Time(jobs::Duration(frame.time_us)));
      if (!message) ADD_FAILURE() << frame.kept;
      if (!message || !message->event) continue;
      if (!message->event->job_id.empty()) current = message->event->job_id;
      early.push_back(*message->event);
      if (current.empty()) continue;
      const auto begin = streams.begin() + static_cast<std::ptrdiff_t>(first);
      auto stream = std::find_if(begin, streams.end(), [&](const Stream& s) { return s.job_id == current; });
      if (stream == streams.end()) stream = streams.insert(stream, {socket.name, current, {}});
      for (RunEvent& event : early) stream->events.push_back(std::move(event));
      early.clear();
    }
  }
  return streams;
}

class EveryRecordedStream : public testing::TestWithParam<Scenario> {};

std::vector<Scenario> ScenariosWithSockets() {
  auto scenarios = test_data::Scenarios();
  std::erase_if(scenarios,
                [](const Scenario& s) { return !std::filesystem::exists(Recordings() / s.version / s.name / "ws"); });
  return scenarios;
}

INSTANTIATE_TEST_SUITE_P(Recordings, EveryRecordedStream, testing::ValuesIn(ScenariosWithSockets()),
                         [](const auto& scenario) {
                           std::string name = scenario.param.version + "_" + scenario.param.name;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
                           return name;
                         });

TEST_P(EveryRecordedStream, NeverFallsAndGetsToTheEndOfASuccess) {
  const auto& [version, name] = GetParam();
  const Workflows workflows = WorkflowsOf(fakes::LoadRecording(Recordings(), version, name));
  for (const auto& [socket, job_id, events] : Streams(GetParam())) {
    const auto workflow = workflows.find(job_id);
    if (workflow == workflows.end()) {
      // Of these not all that was submitted was recorded, or it is too big to be read here.
      EXPECT_TRUE(name == "51-cycle-status" || name == "21-big") << name << ' ' << job_id;
      continue;
    }
    SCOPED_TRACE(socket + " of " + job_id);
    jobs::Run run;
    run.SetWorkflow(workflow->second);
    double before = 0;
    bool from_the_start = false;
    bool failed = false;
    bool over = false;
    for (const RunEvent& event : events) {
      run.Hear(event);
      from_the_start = from_the_start || std::holds_alternative<RunEvent::Began>(event.what);
      if (const auto* end = std::get_if<RunEvent::Over>(&event.what)) {
        over = true;
        failed = failed || end->failed;
      }
      const auto progress = run.progress();
      if (!progress) continue;
      EXPECT_GE(progress->percentage, before);
      EXPECT_LE(progress->percentage, 100);
      EXPECT_GE(progress->completed_nodes, 0);
      EXPECT_LE(progress->completed_nodes, progress->total_nodes);
      before = progress->percentage;
      if (!progress->current_node) continue;
      const auto index = workflow->second->Find(progress->current_node->node_id);
      ASSERT_TRUE(index);
      EXPECT_EQ(progress->current_node->node_type, workflow->second->nodes()[*index].class_type);
      EXPECT_GE(progress->current_node->current_step, 0);
      EXPECT_LE(progress->current_node->current_step, progress->current_node->total_steps);
    }
    const auto last = run.progress();
    EXPECT_FALSE(over && last && last->current_node);
    if (!last || !over || !from_the_start) continue;
    EXPECT_EQ(last->percentage == 100 && last->completed_nodes == last->total_nodes, !failed) << heard::InWords(last);
  }
}

// How far the `nth` job that a socket heard of was said to be, each time that changed.
std::vector<std::string> Story(const Scenario& scenario, const std::string& socket, std::size_t nth = 0) {
  const Workflows workflows = WorkflowsOf(fakes::LoadRecording(Recordings(), scenario.version, scenario.name));
  std::vector<std::string> story;
  for (const Stream& stream : Streams(scenario)) {
    if (stream.socket != socket || nth-- != 0) continue;
    jobs::Run run;
    run.SetWorkflow(workflows.at(stream.job_id));
    for (const RunEvent& event : stream.events) {
      run.Hear(event);
      std::string words = heard::InWords(run.progress());
      if (story.empty() || story.back() != words) story.push_back(std::move(words));
    }
    break;
  }
  return story;
}

TEST(RecordedProgress, OfAnOwnJobIsTheSameInEveryVersion) {
  for (const char* version : {"2023-12", "v0.3.44", "v0.3.64", "v0.33.0"}) {
    auto story = Story({version, "03-own-client-id"}, "submitter");
    // Since 0.3.45 the end of a node is told before the next one begins.
    std::erase(story, "50% 1/2");
    EXPECT_THAT(story,
                ElementsAre("nothing", "0% 0/2", "0% 0/2 1:SlowSteps", "8.333% 0/2 1:SlowSteps 1/6",
                            "16.67% 0/2 1:SlowSteps 2/6", "25% 0/2 1:SlowSteps 3/6", "33.33% 0/2 1:SlowSteps 4/6",
                            "41.67% 0/2 1:SlowSteps 5/6", "50% 0/2 1:SlowSteps 6/6", "50% 1/2 2:SaveImage", "100% 2/2"))
        << version;
  }
}

TEST(RecordedProgress, OfAJobWithoutClientIdIsToldToEverybodySince0345) {
  for (const char* version : {"v0.3.64", "v0.33.0"}) {
    EXPECT_THAT(Story({version, "02-no-client-id"}, "monitor"),
                ElementsAre("0% 0/2 1:SlowSteps", "8.333% 0/2 1:SlowSteps 1/6", "16.67% 0/2 1:SlowSteps 2/6",
                            "25% 0/2 1:SlowSteps 3/6", "33.33% 0/2 1:SlowSteps 4/6", "41.67% 0/2 1:SlowSteps 5/6",
                            "50% 0/2 1:SlowSteps 6/6", "50% 1/2", "50% 1/2 2:SaveImage", "100% 2/2"))
        << version;
  }
  // Before that its steps are told, but not of which node.
  EXPECT_THAT(Story({"v0.3.44", "02-no-client-id"}, "monitor"), ElementsAre("nothing"));
}

TEST(RecordedProgress, OfARerunIsOverTheNodesThatAreNotCached) {
  for (const char* version : {"2023-12", "v0.3.44", "v0.3.64", "v0.33.0"}) {
    const Scenario scenario{version, "08-cached-rerun"};
    EXPECT_THAT(Story(scenario, "submitter", 1), ElementsAre("nothing")) << version;
    EXPECT_THAT(Story(scenario, "submitter", 3), ElementsAre("nothing", "0% 0/1", "0% 0/1 2:SaveImage", "100% 1/1"))
        << version;
  }
}

TEST(RecordedProgress, IsThrottledSince092) {
  EXPECT_THAT(Story({"v0.33.0", "08-cached-rerun"}, "submitter"),
              ElementsAre("nothing", "0% 0/2", "0% 0/2 1:SlowSteps", "12.5% 0/2 1:SlowSteps 1/4",
                          "50% 0/2 1:SlowSteps 4/4", "50% 1/2", "50% 1/2 2:SaveImage", "100% 2/2"));
}

const Scenario kGraphKinds{"v0.3.64", "27-graph-kinds"};

TEST(RecordedProgress, OfAnExpandedNodeIsThatOfItsParts) {
  EXPECT_THAT(Story(kGraphKinds, "submitter", 0),
              ElementsAre("nothing", "0% 0/2", "0% 0/2 1:Expander", "12.5% 0/2 1:Expander 1/2",
                          "25% 0/2 1:Expander 2/2", "33.33% 0/2 1:Expander 2/2", "33.33% 0/2 1:Expander 1/2",
                          "37.5% 0/2 1:Expander 2/2", "50% 1/2", "50% 1/2 2:PreviewImage", "100% 2/2"));
}

TEST(RecordedProgress, OfTwoNodesAtOnceIsThatOfBoth) {
  EXPECT_THAT(Story(kGraphKinds, "submitter", 1),
              ElementsAre("nothing", "0% 0/4", "0% 0/4 3:AsyncSlow", "0% 0/4 1:AsyncSlow", "6.25% 0/4 1:AsyncSlow 1/4",
                          "14.58% 0/4 1:AsyncSlow 1/4", "20.83% 0/4 1:AsyncSlow 2/4", "29.17% 0/4 1:AsyncSlow 2/4",
                          "35.42% 0/4 1:AsyncSlow 3/4", "43.75% 0/4 1:AsyncSlow 3/4", "43.75% 1/4 1:AsyncSlow 3/4",
                          "68.75% 2/4 1:AsyncSlow 3/4", "75% 2/4 1:AsyncSlow 4/4", "75% 3/4", "75% 3/4 2:PreviewImage",
                          "100% 4/4"));
}

TEST(RecordedProgress, OfALazyNodeGoesToWhatItWaitsForAndBack) {
  EXPECT_THAT(Story(kGraphKinds, "submitter", 2),
              ElementsAre("nothing", "0% 0/3", "0% 0/3 2:LazyPick", "0% 0/3 1:SlowSteps", "16.67% 0/3 1:SlowSteps 1/2",
                          "33.33% 0/3 1:SlowSteps 2/2", "33.33% 1/3 2:LazyPick", "66.67% 2/3",
                          "66.67% 2/3 3:PreviewImage", "100% 3/3"));
}

TEST(Trap11, TheProgressOfAJobWithABlockedNodeGoesOn) {
  EXPECT_THAT(Story(kGraphKinds, "submitter", 3), ElementsAre("nothing", "0% 0/2", "0% 0/2 1:BlockedImage", "50% 1/2",
                                                              "50% 1/2 2:PreviewImage", "100% 2/2"));
}

TEST(RecordedProgress, OfAFailedJobCountsNeitherTheFailedNodeNorTheCachedBranch) {
  EXPECT_THAT(Story(kGraphKinds, "submitter", 11), ElementsAre("nothing", "0% 0/2", "0% 0/2 1:Explode", "0% 0/2"));
}

TEST(RecordedProgress, OfTwoSamplersIsOneQuarterEach) {
  EXPECT_THAT(Story({"v0.3.64", "54-progress-shapes"}, "submitter"),
              ElementsAre("nothing", "0% 0/4", "0% 0/4 1:SlowSteps", "8.333% 0/4 1:SlowSteps 1/3",
                          "16.67% 0/4 1:SlowSteps 2/3", "25% 0/4 1:SlowSteps 3/3", "25% 1/4", "25% 1/4 4:SaveNothing",
                          "50% 2/4", "50% 2/4 2:SlowSteps", "58.33% 2/4 2:SlowSteps 1/3", "66.67% 2/4 2:SlowSteps 2/3",
                          "75% 2/4 2:SlowSteps 3/3", "75% 3/4", "75% 3/4 3:PreviewImage", "100% 4/4"));
}

TEST(RecordedProgress, OfARunThatIsJoinedLateIsRightFromThere) {
  const auto story = Story({"v0.33.0", "05-odd-client-ids"}, "late-connects-mid-run");
  ASSERT_GE(story.size(), 2u);
  EXPECT_EQ(story[0], "0% 0/2 1:SlowSteps");  // `executing` is all that one who comes back is told
  EXPECT_THAT(story[1], testing::MatchesRegex("[1-4].*% 0/2 1:SlowSteps [0-9]+/[0-9]+"));
  EXPECT_EQ(story.back(), "100% 2/2");
}

}  // namespace
}  // namespace comfy
