#include "fakes/recorded_run.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "fakes/blocking_client.h"
#include "fakes/blocking_web_socket.h"
#include "fakes/python_json.h"
#include "fakes/recorded_jobs.h"
#include "fakes/recording.h"

namespace fakes {

void PrintTo(const RecordedRunName& name, std::ostream* out) {
  *out << name.version << "/" << name.scenario << "/" << name.socket;
}

namespace {

const std::string kRoot = TEST_DATA_DIR "/recordings";

struct Played {
  explicit Played(const RecordedRunName& name) : run(kRoot, name) { EXPECT_TRUE(run.comfy().WaitForSockets(1)); }

  Json Get(const std::string& target) { return ParseJson(http.Ask("GET", target)->body).value_or(Json()); }
  // The entry, or null. Not asked for by its id: that may be "".
  Json History(const std::string& prompt_id) {
    const Json history = Get("/history");
    const Json* entry = history.Find(prompt_id);
    return entry ? *entry : Json();
  }
  bool IsRunning(const std::string& prompt_id) {
    const Json queue = Get("/queue");
    const auto& running = queue.Find("queue_running")->items;
    return std::any_of(running.begin(), running.end(),
                       [&](const Json& item) { return item.items[1].text == prompt_id; });
  }

  RecordedRun run;
  BlockingClient http{"127.0.0.1", run.comfy().port()};
  BlockingWebSocket socket{run.comfy().port(), "/ws?clientId=listener"};
};

TEST(RecordedRun, TellsOneStoryBySocketAndByHttp) {
  Played played({"v0.3.64", "03-own-client-id", "submitter"});
  RecordedRun& run = played.run;

  run.Step();
  EXPECT_EQ(played.socket.ReceiveText(),
            R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 0}}, )"
            R"("sid": "listener"}})");
  EXPECT_TRUE(run.comfy().pending().empty());

  run.Step();  // status: submitted
  const std::vector<std::string> pending = run.comfy().pending();
  ASSERT_EQ(pending.size(), 1U);
  const std::string id = pending.front();
  run.Step();  // status: taken from the queue
  EXPECT_TRUE(played.IsRunning(id));
  EXPECT_EQ(run.Step()->type(), "execution_start");

  const Moment* end = run.StepTo("execution_success");
  ASSERT_TRUE(end);
  EXPECT_EQ(end->prompt_id(), id);
  EXPECT_TRUE(played.IsRunning(id));  // not in the history yet
  EXPECT_TRUE(played.History(id).is_null());

  EXPECT_EQ(run.Step()->type(), "status");
  EXPECT_FALSE(played.IsRunning(id));
  const Json history = played.History(id);
  EXPECT_EQ(ToText(*history.Find("outputs")),
            R"({"2": {"images": [{"filename": "probe_00005_.png", "subfolder": "", "type": "output"}]}})");
  EXPECT_EQ(history.Find("prompt")->items[3].Find("client_id")->text, "listener");

  EXPECT_EQ(run.Step()->type(), "executing");  // of null
  EXPECT_FALSE(run.Step());
}

TEST(RecordedRun, TakesJobsOutOfTheQueueWhenTheyWere) {
  Played played({"v0.3.64", "13-clear-queue", "monitor"});
  for (int i = 0; i < 6; ++i) played.run.Step();
  EXPECT_EQ(played.run.comfy().pending().size(), 3U);
  played.run.Step();
  EXPECT_EQ(played.run.comfy().pending().size(), 0U);
  EXPECT_EQ(played.run.comfy().running().size(), 1U);
}

TEST(RecordedRun, NeedsAListener) {
  RecordedRun run(kRoot, {"v0.3.64", "03-own-client-id", "monitor"});
  EXPECT_THROW(run.Step(), std::logic_error);
  EXPECT_THROW(RecordedRun(kRoot, {"v0.3.64", "03-own-client-id", "nobody"}), std::runtime_error);
}

class EveryRun : public testing::TestWithParam<RecordedRunName> {
 protected:
  static void ExpectHistoryAsRecorded(Played* played) {
    const RecordedJobs jobs(LoadRecording(kRoot, GetParam().version, GetParam().scenario));
    for (const auto& [job, recorded] : jobs.entries()) {
      const Json entry = played->History(job.first);
      if (entry.is_null()) continue;
      EXPECT_EQ(RecordedJobs::KeyOf(*entry.Find("prompt")), job);
      EXPECT_EQ(ToText(*entry.Find("outputs")), ToText(*recorded.Find("outputs")));
      EXPECT_EQ(EndOf(entry), EndOf(recorded));
    }
  }

  // status_str and the last message, as JSON; "" of old versions.
  static std::string EndOf(const Json& entry) {
    const Json* status = entry.Find("status");
    if (!status) return "";
    return ToText(*status->Find("status_str")) + ToText(status->Find("messages")->items.back());
  }
};

TEST_P(EveryRun, IsToldVerbatimAndAgreesWithHttp) {
  Played played(GetParam());
  RecordedRun& run = played.run;
  while (const Moment* told = run.Step()) {
    SCOPED_TRACE(run.sent().substr(0, 200));
    const auto frame = played.socket.Receive();
    ASSERT_TRUE(frame);
    EXPECT_EQ(frame->bytes, run.sent());
    EXPECT_EQ(frame->is_text, told->frame->op == "text");
    if (told->kind != Moment::Kind::kGreeting) {
      EXPECT_EQ(frame->bytes, told->frame->payload());
    }

    const std::string id = told->prompt_id();
    const Json* node = told->data().Find("node");
    if (told->type() == "status") {
      const Json prompt = played.Get("/prompt");
      EXPECT_EQ(ToText(*told->data().Find("status")), ToText(prompt));
    } else if (told->type() == "executing" && node->is_null()) {
      EXPECT_FALSE(played.IsRunning(id));
      EXPECT_FALSE(played.History(id).is_null());
    } else if (!id.empty()) {
      EXPECT_TRUE(played.IsRunning(id));
    }
    if (HasFailure()) return;
  }
  ExpectHistoryAsRecorded(&played);
}

std::string TestName(const testing::TestParamInfo<RecordedRunName>& info) {
  std::string name = info.param.version + "_" + info.param.scenario + "_" + info.param.socket;
  std::replace_if(
      name.begin(), name.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, EveryRun, testing::ValuesIn(RecordedRuns(kRoot)), TestName);

}  // namespace
}  // namespace fakes
