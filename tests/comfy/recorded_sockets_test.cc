#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "comfy/observed.h"
#include "comfy/test_data.h"
#include "fakes/blocking_client.h"
#include "fakes/python_json.h"
#include "fakes/recorded_run.h"
#include "jobs/describe.h"
#include "jobs/job_id.h"

// What real ComfyUIs told real sockets, told again over a real socket to the real listener, message by message, while
// the queue and the history are where they were then.
namespace comfy {
namespace {

using fakes::Json;
using fakes::Moment;
using fakes::RecordedRun;
using fakes::RecordedRunName;
using jobs::JobState;

// Whether our listener makes an event of it.
bool IsRunEvent(const Moment& moment) {
  static const std::set<std::string> kTypes = {"execution_start",      "execution_cached", "execution_success",
                                               "execution_error",      "progress",         "progress_state",
                                               "execution_interrupted"};
  const Json* prompt_id = moment.data().Find("prompt_id");
  if (prompt_id != nullptr && !jobs::IsUsableJobId(prompt_id->text)) return false;
  const std::string type = moment.type();
  if (type == "executing") return moment.data().Find("node") != nullptr;
  return kTypes.contains(type) && !moment.is_block();
}

double NumberOf(const Json& json) {
  return std::strtod(json.text.c_str(), nullptr);
}

// Which nodes of the workflow run, by the messages alone.
class RunningNodes {
 public:
  void Hear(const Moment& moment) {
    const Json& data = moment.data();
    if (moment.is_end()) {
      nodes_.clear();
    } else if (moment.type() == "progress_state") {
      by_state_ = true;
      nodes_.clear();
      for (const auto& [id, node] : data.Find("nodes")->members) {
        if (node.Find("state")->text == "running") nodes_.insert(node.Find("display_node_id")->text);
      }
    } else if (moment.type() == "executing" && !by_state_) {
      nodes_.clear();
      const Json* display = data.Find("display_node") ? data.Find("display_node") : data.Find("node");
      if (display->is_string()) nodes_.insert(display->text);
    }
  }
  const std::set<std::string>& nodes() const { return nodes_; }

 private:
  bool by_state_ = false;
  std::set<std::string> nodes_;
};

class EveryRecordedSocket : public testing::TestWithParam<RecordedRunName> {};

INSTANTIATE_TEST_SUITE_P(Recordings, EveryRecordedSocket,
                         testing::ValuesIn(fakes::RecordedRuns(test_data::Recordings())), [](const auto& run) {
                           std::string name = run.param.version + "_" + run.param.scenario + "_" + run.param.socket;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
                           return name;
                         });

std::optional<jobs::Progress> ProgressOf(const Observed& observed, const std::string& id) {
  const auto snapshot = observed.board.Find(id, "").snapshot;
  return snapshot && snapshot->state == JobState::kProcessing ? snapshot->progress : std::nullopt;
}

// After a message about a job that runs, what is told of it is what the messages say.
void ExpectSaid(const Moment& moment, const RunningNodes& running, const jobs::Progress& progress) {
  EXPECT_GE(progress.percentage, 0);
  EXPECT_LE(progress.percentage, 100);
  EXPECT_LE(progress.completed_nodes, progress.total_nodes);
  ASSERT_TRUE(progress.current_node);
  EXPECT_TRUE(running.nodes().contains(progress.current_node->node_id)) << progress.current_node->node_id;
  EXPECT_FALSE(progress.current_node->node_type.empty());
  const Json* max = moment.data().Find("max");
  if (moment.type() != "progress" || running.nodes().size() > 1 || NumberOf(*max) <= 1) return;
  const double step = std::clamp(NumberOf(*moment.data().Find("value")), 0.0, NumberOf(*max));
  EXPECT_EQ(progress.current_node->current_step, std::llround(step));
  EXPECT_EQ(progress.current_node->total_steps, std::llround(NumberOf(*max)));
}

JobState EndOf(const Json& entry) {
  const Json* status = entry.Find("status");
  if (status == nullptr || status->Find("messages") == nullptr) return JobState::kCompleted;
  const std::string& last = status->Find("messages")->items.back().items.front().text;
  return last == "execution_error"         ? JobState::kFailed
         : last == "execution_interrupted" ? JobState::kCancelled
                                           : JobState::kCompleted;
}

// At the end every job of the history is told as it ended.
void ExpectTheHistory(fakes::FakeComfy& comfyui, Observed& observed) {
  fakes::BlockingClient client("127.0.0.1", comfyui.port());
  const auto history = client.Ask("GET", "/history", "", {});
  ASSERT_TRUE(history);
  if (history->status != 200) return;  // an entry that cannot be encoded
  const auto entries = fakes::ParseJson(history->body);
  ASSERT_TRUE(entries);
  for (const auto& [id, entry] : entries->members) {
    if (!jobs::IsUsableJobId(id)) continue;
    const auto found = observed.LookUp(id);
    ASSERT_TRUE(std::holds_alternative<board::Snapshot>(found)) << id;
    const JobState end = EndOf(entry);
    EXPECT_TRUE(observed.Await([&] { return jobs::IsTerminal(observed.board.Find(id, "").snapshot->state); })) << id;
    EXPECT_EQ(observed.board.Find(id, "").snapshot->state, end) << id;
  }
}

TEST_P(EveryRecordedSocket, GivesTheRightSequenceOfStatuses) {
  RecordedRun run(test_data::Recordings(), GetParam());
  Observed observed(run.comfy().url());
  ASSERT_TRUE(run.comfy().WaitForSockets(1));
  std::map<std::string, RunningNodes> running;
  int events = 0;
  std::set<std::string> followed;
  while (const Moment* moment = run.Step()) {
    SCOPED_TRACE(run.sent().substr(0, 300));
    if (!IsRunEvent(*moment)) continue;
    ASSERT_TRUE(observed.AwaitCount<jobs::RunEventsHeard>(++events));
    const std::string id = moment->prompt_id();
    if (moment->type() == "execution_start" && jobs::IsUsableJobId(id) && !followed.contains(id)) {
      const auto seen = observed.LookUp(id);
      ASSERT_TRUE(std::holds_alternative<board::Snapshot>(seen));
      if (jobs::IsTerminal(std::get<board::Snapshot>(seen)->state)) continue;  // an id that is used again
      ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
      followed.insert(id);
    }
    running[id].Hear(*moment);
    const bool of_nodes =
        moment->type() == "executing" || moment->type() == "progress" || moment->type() == "progress_state";
    // Of an end nothing is told before it is seen.
    const bool over = moment->type() == "executing" && !moment->data().Find("node")->is_string();
    if (!of_nodes || over || !followed.contains(id)) continue;
    const auto progress = ProgressOf(observed, id);
    if (running[id].nodes().empty()) {
      EXPECT_FALSE(progress && progress->current_node) << progress->current_node->node_id;
    } else {
      ASSERT_TRUE(progress);
      ExpectSaid(*moment, running[id], *progress);
    }
  }
  // With an id that is used again, the history may have another run than the one that was followed.
  if (GetParam().scenario != "19-custom-prompt-id") ExpectTheHistory(run.comfy(), observed);

  for (const std::string& id : followed) {
    const auto told = observed.Told(id);
    const auto states = States(told);
    EXPECT_TRUE(std::ranges::is_sorted(states)) << "went back";
    double percentage = 0;
    for (const jobs::JobStatus& status : told) {
      if (!status.progress) continue;
      EXPECT_GE(status.progress->percentage, percentage);
      percentage = status.progress->percentage;
      const bool of_events = !jobs::IsTerminal(status.state);  // where all was cached only the end is known
      EXPECT_TRUE(!of_events || status.progress->source == jobs::ProgressSource::kOwned);
    }
  }
}

TEST(RecordedSockets, AreAllPlayedButAFew) {
  std::map<std::string, int> counts;
  for (const auto& run : fakes::RecordedRuns(test_data::Recordings())) ++counts[run.version];
  EXPECT_EQ(counts.size(), 4u);
  for (const auto& [version, count] : counts) EXPECT_GE(count, 10) << version;
}

// The whole of one job in words, in every version.
class OneJobInWords : public testing::TestWithParam<const char*> {};

INSTANTIATE_TEST_SUITE_P(Versions, OneJobInWords, testing::Values("2023-12", "v0.3.44", "v0.3.64", "v0.33.0"),
                         [](const auto& version) {
                           std::string name = version.param;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
                           return name;
                         });

TEST_P(OneJobInWords, IsToldStepByStep) {
  RecordedRun run(test_data::Recordings(), {GetParam(), "03-own-client-id", "submitter"});
  Observed observed(run.comfy().url());
  ASSERT_TRUE(run.comfy().WaitForSockets(1));
  std::string id;
  int events = 0;
  while (const Moment* moment = run.Step()) {
    if (!IsRunEvent(*moment)) continue;
    ASSERT_TRUE(observed.AwaitCount<jobs::RunEventsHeard>(++events));
    id = moment->prompt_id().empty() ? id : moment->prompt_id();
    if (moment->type() == "execution_start") {
      ASSERT_TRUE(observed.AwaitState(id, JobState::kProcessing));
    }
  }
  ASSERT_TRUE(observed.AwaitState(id, JobState::kCompleted));
  std::vector<std::string> said;
  for (const jobs::JobStatus& status : observed.Told(id)) {
    if (status.state == JobState::kQueued) continue;  // seen or not, as it runs at once
    std::string words = jobs::Describe(status);
    if (status.progress && status.state == JobState::kProcessing) {
      words += ", " + std::to_string(std::lround(status.progress->percentage)) + " %";
    }
    if (words.ends_with(", 100 %")) continue;  // told if the queue is looked at between the last node and the end
    if (said.empty() || said.back() != words) said.push_back(words);
  }
  const bool tells_pauses = GetParam() == std::string("v0.3.64") || GetParam() == std::string("v0.33.0");
  std::vector<std::string> expected = {"processing",          "processing, 0 %",     "SlowSteps, 0 %",
                                       "SlowSteps 1/6, 8 %",  "SlowSteps 2/6, 17 %", "SlowSteps 3/6, 25 %",
                                       "SlowSteps 4/6, 33 %", "SlowSteps 5/6, 42 %", "SlowSteps 6/6, 50 %"};
  if (tells_pauses) expected.push_back("processing, 50 %");  // progress_state tells the end of each node
  const bool no_verdict = GetParam() == std::string("2023-12");
  expected.push_back("SaveImage, 50 %");
  expected.push_back(no_verdict ? "completed with 1 output (this ComfyUI version does not record whether "
                                  "a job failed)"
                                : "completed with 1 output");
  EXPECT_EQ(said, expected);
}

}  // namespace
}  // namespace comfy
