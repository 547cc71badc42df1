#include "comfy/answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <cmath>

#include "comfy/test_data.h"
#include "jobs/history.h"

namespace comfy {
namespace {

using jobs::HistoryEntry;
using jobs::JobState;
using test_data::AsBody;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

const Address kComfyui = *Address::Parse("http://comfy:8188");

// As aiohttp decodes a path: what is no percent-encoded byte stays as it is.
std::string Decoded(std::string_view path) {
  std::string text;
  for (std::size_t i = 0; i < path.size(); ++i) {
    unsigned byte = 0;
    const char* const hex = path.data() + i + 1;
    if (path[i] == '%' && i + 2 < path.size() && std::from_chars(hex, hex + 2, byte, 16).ptr == hex + 2) {
      text += static_cast<char>(byte);
      i += 2;
    } else {
      text += path[i];
    }
  }
  return text;
}

std::vector<std::string> Ids(const std::vector<jobs::QueueItem>& items) {
  std::vector<std::string> ids;
  for (const auto& item : items) ids.push_back(item.job_id);
  return ids;
}

jobs::HistoryEntry HistoryOf(std::string_view file, std::string_view id) {
  AnswerReader reader;
  const auto entry = reader.History(AsBody(test_data::Read(file)), id, kComfyui);
  EXPECT_TRUE(entry && *entry) << file;
  return entry && *entry ? **entry : HistoryEntry{};
}

// The one id of a recorded /history/{id}: what stands between the first two quotes.
std::string FirstKey(const std::string& body) {
  const std::size_t begin = body.find('"') + 1;
  return body.substr(begin, body.find('"', begin) - begin);
}

TEST(AnswersOfEveryRecordedVersion, AreAllReadOrRefusedForWhatTheyAre) {
  AnswerReader reader;
  std::map<std::string, int> read;
  for (const auto& exchange : test_data::AllExchanges()) {
    if (exchange.method != "GET" || exchange.status != 200) continue;
    const bool compressed = exchange.folder.ends_with("25-gzip") && !exchange.body.starts_with("{");
    if (compressed) continue;  // unpacked by libcurl before a reader sees it
    SCOPED_TRACE(exchange.folder + "/" + exchange.label);
    const std::string path = exchange.path.starts_with("/api/") ? exchange.path.substr(4) : exchange.path;
    const Body body = AsBody(exchange.body);
    if (path == "/queue") {
      const auto queue = reader.Queue(body);
      ASSERT_TRUE(queue) << queue.error().why;
      ++read["queue"];
    } else if (path == "/prompt") {
      EXPECT_TRUE(reader.QueueRemaining(body));
      ++read["prompt"];
    } else if (path == "/system_stats") {
      const auto version = reader.ComfyuiVersion(body);
      ASSERT_TRUE(version);
      const bool tells = !exchange.folder.starts_with("2023");
      EXPECT_EQ(version->empty(), !tells) << *version;
      ++read["system_stats"];
    } else if (path == "/jobs" || path.starts_with("/jobs?")) {
      EXPECT_TRUE(reader.JobsAsQueue(body));
      ++read["jobs"];
    } else if (path.starts_with("/history/")) {
      const auto entry = reader.History(body, Decoded(path.substr(9)), kComfyui);
      ASSERT_TRUE(entry) << entry.error().why;
      EXPECT_EQ(entry->has_value(), exchange.body != "{}");
      ++read["history"];
    }
  }
  EXPECT_GT(read["queue"], 50);
  EXPECT_GT(read["history"], 100);
  EXPECT_GT(read["prompt"], 20);
  EXPECT_GT(read["jobs"], 20);
  EXPECT_EQ(read["system_stats"], 4);
}

TEST(Trap8, BareNanAndInfinityAndHugeIntegersHideNoJobOfTheQueue) {
  AnswerReader reader;
  const auto queue =
      reader.Queue(AsBody(test_data::Read("v0.3.64/18-text-and-odd-ui/http/014-queue-number-nan-inf.json")));
  ASSERT_TRUE(queue);
  EXPECT_THAT(queue->listing.running, SizeIs(1));
  ASSERT_THAT(queue->listing.pending, SizeIs(3));
  EXPECT_TRUE(std::isinf(queue->listing.pending[1].number.value));
  EXPECT_TRUE(std::isnan(queue->listing.pending[2].number.value));
  for (const auto& item : queue->listing.pending) EXPECT_THAT(item.job_id, SizeIs(36));
}

TEST(Trap8, LoneSurrogatesAndNulInTextAreKeptAsFarAsUtf8Goes) {
  const std::string body = test_data::Read("v0.3.64/18-text-and-odd-ui/http/002-history-id-text.json");
  const auto entry = HistoryOf("v0.3.64/18-text-and-odd-ui/http/002-history-id-text.json", FirstKey(body));
  ASSERT_THAT(entry.outputs, SizeIs(1));
  using std::string_literals::operator""s;
  EXPECT_EQ(entry.outputs[0].text, "héllo\n\"quoted\" ☃ 😀 \0 \xEF\xBF\xBD"s);
  EXPECT_EQ(entry.outputs[0].media_type, jobs::MediaType::kText);
  EXPECT_EQ(entry.outputs[0].ui_key, "text");
}

TEST(Trap8, AnIdWithALoneSurrogateTakesItsPlaceWithoutAName) {
  AnswerReader reader;
  const auto queue = reader.Queue(
      AsBody(R"({"queue_running": [], "queue_pending": [[1, "a\ud800", {}, {}, []], [0, "b", {}, {}, []]]})"));
  ASSERT_TRUE(queue);
  EXPECT_THAT(Ids(queue->listing.pending), ElementsAre("b", ""));
}

TEST(Trap9, TheHeapOfTheQueueIsPutIntoTheOrderOfExecution) {
  AnswerReader reader;
  const auto queue = reader.Queue(AsBody(test_data::Read("v0.3.64/06-queue-order/http/018-queue-16-pending.json")));
  ASSERT_TRUE(queue);
  std::vector<double> numbers;
  for (const auto& item : queue->listing.pending) numbers.push_back(item.number.value);
  EXPECT_THAT(numbers, ElementsAre(-8, -7, -5, 0.5, 1, 2, 2.25, 3, 3, 4, 5, 6, 7, 9, 10, 1e18));
}

TEST(Trap10, TheLastMessageDecidesNotStatusStr) {
  int told = 0;
  for (const auto& exchange : test_data::AllExchanges()) {
    if (!exchange.folder.ends_with("51-cycle-status") || !exchange.path.starts_with("/history/")) continue;
    AnswerReader reader;
    const auto entry = reader.History(AsBody(exchange.body), FirstKey(exchange.body), kComfyui);
    ASSERT_TRUE(entry && *entry);
    EXPECT_EQ((*entry)->status_str, "success");
    const auto verdict = jobs::Judge(**entry);
    EXPECT_EQ(verdict.state, JobState::kFailed);
    EXPECT_THAT(verdict.error->exception_type, HasSubstr("DependencyCycleError"));
    ++told;
  }
  EXPECT_GT(told, 0);
}

TEST(Trap10, AnInterruptedJobIsCancelledThoughItsStatusStrSaysError) {
  int told = 0;
  for (const auto& exchange : test_data::AllExchanges()) {
    if (exchange.folder.find("10-interrupt-running") == std::string::npos) continue;
    if (exchange.body.find("execution_interrupted") == std::string::npos || !exchange.path.starts_with("/history/"))
      continue;
    AnswerReader reader;
    const auto entry = reader.History(AsBody(exchange.body), FirstKey(exchange.body), kComfyui);
    ASSERT_TRUE(entry && *entry);
    EXPECT_EQ((*entry)->status_str, "error");
    EXPECT_EQ(jobs::Judge(**entry).state, JobState::kCancelled);
    ++told;
  }
  EXPECT_GT(told, 1);
}

TEST(Trap11, ABlockedNodeIsNotTheEndOfTheJob) {
  AnswerReader reader;
  const auto entry = reader.History(
      AsBody(
          R"({"a": {"prompt": [0, "a", {}, {}, []], "outputs": {}, "status": {"status_str": "success", "completed": true,
              "messages": [["execution_start", {"timestamp": 1000}], ["execution_success", {"timestamp": 2000}],
              ["execution_error", {"exception_type": "ExecutionBlocked", "exception_message": "no"}]]}}})"),
      "a", kComfyui);
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ(jobs::Judge(**entry).state, JobState::kCompleted);
}

TEST(Trap12, ASuccessWithoutOutputsIsCompletedAndAFailureKeepsItsOutputs) {
  int empty = 0;
  int failed_with_outputs = 0;
  for (const auto& exchange : test_data::AllExchanges()) {
    if (exchange.status != 200 || !exchange.path.starts_with("/history/") || exchange.body == "{}") continue;
    AnswerReader reader;
    const auto entry = reader.History(AsBody(exchange.body), FirstKey(exchange.body), kComfyui);
    if (!entry || !*entry || !(*entry)->status_str) continue;
    const auto verdict = jobs::Judge(**entry);
    if (exchange.folder.ends_with("17-no-ui")) {
      EXPECT_EQ(verdict.state, JobState::kCompleted);
      ++empty;
    }
    if (verdict.state == JobState::kFailed && !(*entry)->outputs.empty()) ++failed_with_outputs;
  }
  EXPECT_GT(empty, 0);
  EXPECT_GT(failed_with_outputs, 0);
}

TEST(Trap19, AHugeErrorWithControlCharactersIsCapped) {
  std::size_t longest = 0;
  for (const auto& exchange : test_data::AllExchanges()) {
    if (!exchange.folder.ends_with("09-node-exception") || !exchange.path.starts_with("/history/")) continue;
    AnswerReader reader;
    const auto entry = reader.History(AsBody(exchange.body), FirstKey(exchange.body), kComfyui);
    if (!entry || !*entry || !(*entry)->status_str) continue;
    longest = std::max(longest, (*entry)->error.message.size());
    const auto verdict = jobs::Judge(**entry);
    if (!verdict.error) continue;
    EXPECT_LE(verdict.error->message.size(), jobs::kMaxErrorMessageBytes);
    std::size_t traceback = 0;
    for (const auto& frame : verdict.error->traceback) traceback += frame.size();
    EXPECT_LE(traceback, jobs::kMaxTracebackBytes);
  }
  EXPECT_GT(longest, 100'000u);
}

TEST(HistoryOf2023, HasNoVerdictSoAnEndedJobIsCompletedAndSaysThatNothingWasRecorded) {
  const auto entry =
      HistoryOf("2023-12/09-node-exception/http/002-history-id-a.json", "9f4d5b9b-7f09-49c1-b504-e3240d46f3db");
  const auto verdict = jobs::Judge(entry);
  EXPECT_EQ(verdict.state, JobState::kCompleted);
  EXPECT_FALSE(verdict.recorded);
}

TEST(History, TellsTimesErrorAndNodeOfAFailedJob) {
  const auto& all = test_data::AllExchanges();
  const auto found = std::find_if(all.begin(), all.end(), [](const auto& exchange) {
    return exchange.folder == "v0.33.0/09-node-exception" && exchange.path.starts_with("/history/");
  });
  ASSERT_NE(found, all.end());
  AnswerReader reader;
  const auto entry = reader.History(AsBody(found->body), FirstKey(found->body), kComfyui);
  ASSERT_TRUE(entry && *entry);
  const auto verdict = jobs::Judge(**entry);
  EXPECT_EQ(verdict.state, JobState::kFailed);
  EXPECT_EQ(verdict.error->message, "boom\n");
  EXPECT_EQ(verdict.error->node_type, "Explode");
  EXPECT_EQ(verdict.error->exception_type, "RuntimeError");
  EXPECT_FALSE(verdict.error->traceback.empty());
  EXPECT_TRUE((*entry)->create_time && (*entry)->start_time && (*entry)->end_time);
  EXPECT_LE(*(*entry)->create_time, *(*entry)->start_time);
  EXPECT_LE(*(*entry)->start_time, *(*entry)->end_time);
}

TEST(History, ListsEveryFileAndTextOfOddOutputsInOrderAndDropsOnlyWhatIsNeither) {
  const auto entry =
      HistoryOf("v0.3.64/18-text-and-odd-ui/http/004-history-id-OddUi.json", "9c989f18-26c1-4c78-8112-f9b779ad05e1");
  std::vector<std::string> told;
  for (const auto& output : entry.outputs) told.push_back(output.ui_key + ":" + output.filename + output.text);
  EXPECT_THAT(told,
              ElementsAre("a_string:a", "a_string:b", "a_string:c", "images:x.png", "images:notadict", "gifs:v.mp4"));
  EXPECT_EQ(entry.outputs[3].url, "http://comfy:8188/view?filename=x.png&type=output");
  EXPECT_EQ(entry.outputs[3].content_type, "image/png");
  EXPECT_EQ(entry.outputs[5].url, "http://comfy:8188/view?filename=v.mp4&subfolder=vid&type=output");
  EXPECT_EQ(entry.outputs[5].media_type, jobs::MediaType::kVideo);
}

TEST(History, KeepsThousandsOfOutputsAndCountsWhatIsOverTheBound) {
  const std::string body = test_data::Read("v0.3.64/18-text-and-odd-ui/http/006-history-id-ManyImages.json");
  EXPECT_GT(HistoryOf("v0.3.64/18-text-and-odd-ui/http/006-history-id-ManyImages.json", FirstKey(body)).outputs.size(),
            2000u);

  std::string images;
  for (std::size_t i = 0; i < AnswerReader::kMaxOutputs + 7; ++i)
    images += std::string(i ? "," : "") + R"({"filename": "a"})";
  AnswerReader reader;
  const auto entry =
      reader.History(AsBody(R"({"a": {"outputs": {"1": {"images": [)" + images + "]}}}}"), "a", kComfyui);
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ((*entry)->outputs.size(), AnswerReader::kMaxOutputs);
  EXPECT_EQ((*entry)->outputs_left_out, 7);
}

TEST(History, OddShapesOfOneEntryCostNothingElse) {
  AnswerReader reader;
  for (
      const char* text :
      {R"({"a": {}})", R"({"a": {"prompt": null, "outputs": null, "status": null}})",
       R"({"a": {"prompt": 5, "outputs": [1], "status": {"status_str": 7, "messages": {"x": 1}}}})",
       R"({"a": {"prompt": [], "outputs": {"1": null, "2": {"k": 5}}, "status": {"messages": [null, [], ["x"], [1, 2, 3]]}}})",
       R"({"b": 5, "a": {}})"}) {
    const auto entry = reader.History(AsBody(text), "a", kComfyui);
    EXPECT_TRUE(entry && *entry) << text;
  }
  const auto other = reader.History(AsBody(R"({"b": {}})"), "a", kComfyui);
  EXPECT_TRUE(other && !*other);
  EXPECT_FALSE(reader.History(AsBody(R"({"a": [1]})"), "a", kComfyui));
}

TEST(Queue, ItemsOfOddShapeAreCountedAndHideNoOther) {
  AnswerReader reader;
  const auto queue = reader.Queue(AsBody(
      R"({"queue_running": [], "queue_pending": [null, [], [1], [2, 7], [3, "c", {}, [1], 5], {"x": 1}, [4, "d", {}, {"create_time": 5000}, [], {}]]})"));
  ASSERT_TRUE(queue);
  EXPECT_THAT(queue->listing.pending, SizeIs(7));
  int named = 0;
  for (const auto& item : queue->listing.pending) {
    const auto create_time = item.job_id == "d" ? std::optional(jobs::Time(std::chrono::seconds(5))) : std::nullopt;
    EXPECT_EQ(item.create_time, create_time);
    if (!item.job_id.empty()) ++named;
  }
  EXPECT_EQ(named, 2);
}

TEST(ApiJobs, TellTheSameQueueAsTheQueue) {
  AnswerReader reader;
  const auto jobs =
      reader.JobsAsQueue(AsBody(test_data::Read("v0.33.0/40-api-jobs/http/035-jobs-status-pending-in-progress.json")));
  const auto queue = reader.Queue(AsBody(test_data::Read("v0.33.0/40-api-jobs/http/055-queue-now.json")));
  ASSERT_TRUE(jobs && queue);
  EXPECT_EQ(Ids(jobs->pending), Ids(queue->listing.pending));
  EXPECT_EQ(Ids(jobs->running), Ids(queue->listing.running));
  EXPECT_THAT(jobs->pending, SizeIs(2));
}

class NotAnAnswer : public testing::TestWithParam<const char*> {};

TEST_P(NotAnAnswer, IsRefusedByEveryReaderWithoutACrash) {
  AnswerReader reader;
  const Body body = AsBody(GetParam());
  EXPECT_FALSE(reader.Queue(body));
  EXPECT_FALSE(reader.JobsAsQueue(body));
  EXPECT_FALSE(reader.QueueRemaining(body));
  EXPECT_FALSE(reader.History(body, "a", kComfyui));
}

INSTANTIATE_TEST_SUITE_P(Bodies, NotAnAnswer,
                         testing::Values("", " ", "<!DOCTYPE html><html><body>hello</body></html>", "null", "[]", "5",
                                         "\"x\"", "{\"queue_running\": [], \"queue_pending\": [",
                                         "{\"exec_info\": {\"queue_remaining\": ",
                                         "{\"queue_running\": [], \"queue_pending\": []} trailing", "{\"a\"",
                                         "{\"a\": {\"outputs\": {", "\xff\xfe{}", "{\"jobs\": [{\"id\": "));

TEST(Queue, IsRefusedWithoutItsTwoLists) {
  AnswerReader reader;
  for (const char* text : {"{}", R"({"queue_running": []})", R"({"queue_running": {}, "queue_pending": []})"}) {
    EXPECT_FALSE(reader.Queue(AsBody(text))) << text;
  }
}

TEST(TruncatedAnswers, AreRefusedAtEveryLength) {
  AnswerReader reader;
  const std::string queue =
      R"({"queue_running": [[0, "a", {"1": {"x": "\u00e9"}}, {}, ["1"]]], "queue_pending": [[NaN, "b", {}, {}, []]]})";
  ASSERT_TRUE(reader.Queue(AsBody(queue)));
  for (std::size_t length = 0; length < queue.size(); ++length)
    EXPECT_FALSE(reader.Queue(AsBody(queue.substr(0, length)))) << length;
  const std::string history = test_data::Read("v0.3.64/18-text-and-odd-ui/http/004-history-id-OddUi.json");
  const std::string id = FirstKey(history);
  ASSERT_TRUE(reader.History(AsBody(history), id, kComfyui));
  for (std::size_t length = 0; length < history.size(); ++length) {
    EXPECT_FALSE(reader.History(AsBody(history.substr(0, length)), id, kComfyui)) << length;
  }
}

TEST(FlippedBytes, NeverCrashAReader) {
  AnswerReader reader;
  const std::string good = test_data::Read("v0.3.64/18-text-and-odd-ui/http/004-history-id-OddUi.json");
  const std::string id = FirstKey(good);
  int refused = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    for (const char c : {'\0', '"', '{', ']', '\\', '\xff'}) {
      std::string bad = good;
      bad[at] = c;
      const auto entry = reader.History(AsBody(bad), id, kComfyui);
      if (!entry) ++refused;
    }
  }
  EXPECT_GT(refused, 1000);
}

}  // namespace
}  // namespace comfy
