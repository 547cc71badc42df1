// Scenarios of the recordings whose POSTs were not recorded: 15-history-limit and 25-gzip; and 18b's faulty entry.

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "fakes/blocking_client.h"
#include "fakes/fake_comfy.h"
#include "fakes/python_json.h"
#include "fakes/recording.h"

namespace fakes {
namespace {

std::vector<std::string> NumbersIn(const std::string& history) {
  std::vector<std::string> numbers;
  const Json entries = ParseJson(history).value();
  for (const auto& [id, entry] : entries.members) {
    numbers.push_back(entry.Find("prompt")->items[0].text);
  }
  return numbers;
}

void RunJobs(FakeComfy* comfy, int count) {
  for (int i = 0; i < count; ++i) {
    comfy->Submit({.prompt_json = R"({"1": {"class_type": "SaveNothing"}})"});
    comfy->StartNext();
    comfy->FinishSuccess();
  }
}

class History : public testing::TestWithParam<const char*> {
 protected:
  FakeComfy comfy_{{.version = GetParam()}};
  BlockingClient client_{"127.0.0.1", comfy_.port()};
};

TEST_P(History, IsPagedAndTrimmedLikeTheRecordedOne) {
  const Recording recording = LoadRecording(TEST_DATA_DIR "/recordings", GetParam(), "15-history-limit");
  RunJobs(&comfy_, 25);
  for (const Exchange& exchange : recording.exchanges) {
    SCOPED_TRACE(exchange.label);
    if (exchange.path.find("/history/") == 0) continue;  // ids differ
    if (exchange.label == "history-all-after-10020-jobs") RunJobs(&comfy_, 10'020 - 25);
    EXPECT_EQ(NumbersIn(client_.Ask("GET", exchange.path)->body), NumbersIn(exchange.body));
  }
  EXPECT_EQ(comfy_.history_size(), 10'001U);
}

TEST_P(History, WithAnEntryThatCannotBeEncodedIs500UntilItIsDeleted) {
  const std::string good = comfy_.Submit().prompt_id;
  comfy_.StartNext();
  comfy_.FinishSuccess();
  const std::string bad = comfy_.Submit().prompt_id;
  comfy_.StartNext();
  comfy_.FinishUnserializable();
  EXPECT_EQ(client_.Ask("GET", "/history")->status, 500);
  EXPECT_EQ(client_.Ask("GET", "/history/" + bad)->status, 500);
  EXPECT_EQ(client_.Ask("GET", "/history/" + good)->status, 200);
  EXPECT_EQ(client_.Ask("GET", "/history?max_items=1&offset=0")->status, 200);
  client_.Ask("POST", "/history", "{\"delete\": [\"" + bad + "\"]}");
  EXPECT_EQ(client_.Ask("GET", "/history")->status, 200);
}

TEST_P(History, TakesAnyEntry) {
  const std::string id = comfy_.Submit({.prompt_json = R"({"1": {"class_type": "A"}})"}).prompt_id;
  comfy_.StartNext();
  comfy_.FinishWithEntry(R"({"prompt": $PROMPT, "outputs": {"id": $ID}, "status": null})");
  const Json history = ParseJson(client_.Ask("GET", "/history/" + id)->body).value();
  EXPECT_EQ(history.Find(id)->Find("outputs")->Find("id")->text, id);
  EXPECT_EQ(history.Find(id)->Find("prompt")->items[1].text, id);
  EXPECT_TRUE(history.Find(id)->Find("status")->is_null());
}

std::string VersionName(const testing::TestParamInfo<const char*>& version) {
  std::string name = version.param;
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Versions, History, testing::Values("v0.3.64", "v0.33.0"), VersionName);

std::string Inflated(const std::string& packed) {
  z_stream stream{};
  constexpr int kGzipOrZlib = 32 + 15;
  EXPECT_EQ(inflateInit2(&stream, kGzipOrZlib), Z_OK);
  std::string in = packed;
  std::string out(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  inflateEnd(&stream);
  return out;
}

TEST(Compression, IsChosenAsRecorded) {
  const Recording recording = LoadRecording(TEST_DATA_DIR "/recordings", "v0.3.64", "25-gzip");
  FakeComfy comfy({.version = "v0.3.64", .compress = true});
  BlockingClient client("127.0.0.1", comfy.port());
  comfy.Submit();
  const std::string plain = client.Ask("GET", "/queue")->body;
  for (const Exchange& exchange : recording.exchanges) {
    if (exchange.method != "GET") continue;
    SCOPED_TRACE(exchange.label);
    const auto reply = client.Ask("GET", exchange.path, "", exchange.request_headers);
    EXPECT_EQ(reply->status, exchange.status);
    EXPECT_EQ(reply->Header("Content-Encoding"), exchange.Header("Content-Encoding"));
    if (exchange.path == "/queue" && !reply->Header("Content-Encoding").empty()) {
      EXPECT_EQ(Inflated(reply->body), plain);
      EXPECT_EQ(reply->body.front(), exchange.body.front());  // gzip's or zlib's first byte
    }
  }
}

}  // namespace
}  // namespace fakes
