// The fake's sockets are held against recordings of real ComfyUI servers: its queue and its nodes go through what those
// went through, and each socket must be told the same.
//
// Excused everywhere: timestamps. Not driven: what only shows on the wire (compression, closing handshakes), a job
// whose id is used twice at once (19), what comes after a restart (22), and sockets that lag behind (21, 26, 29, 30).

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "fakes/blocking_client.h"
#include "fakes/blocking_web_socket.h"
#include "fakes/fake_comfy.h"
#include "fakes/recorded_frames.h"
#include "fakes/recorded_nodes.h"
#include "fakes/recorded_queue.h"
#include "fakes/recording.h"

namespace fakes {
namespace {

const std::string kRoot = TEST_DATA_DIR "/recordings";
constexpr const char* kMark = "this is all so far";

struct Scenario {
  std::string version;
  std::string name;
  std::vector<std::string> sockets = {};  // those to look at; empty for all

  friend void PrintTo(const Scenario& scenario, std::ostream* out) { *out << scenario.version << "/" << scenario.name; }
};

std::string Name(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return !std::isalnum(c); }, '_');
  return text;
}

std::string TestName(const testing::TestParamInfo<Scenario>& info) {
  return Name(info.param.version + "_" + info.param.name);
}

std::vector<RecordedSocket> SocketsOf(const Scenario& scenario) {
  std::vector<RecordedSocket> sockets = LoadSockets(kRoot, scenario.version, scenario.name);
  std::erase_if(sockets, [&](const RecordedSocket& socket) {
    const auto& wanted = scenario.sockets;
    return !wanted.empty() && std::find(wanted.begin(), wanted.end(), socket.name) == wanted.end();
  });
  return sockets;
}

// Takes away the characters of `kind` behind each `key`.
void Blank(std::string* text, std::string_view key, std::string_view kind) {
  for (size_t at = text->find(key); at != std::string::npos; at = text->find(key, at)) {
    at += key.size();
    text->erase(at, std::min(text->find_first_not_of(kind, at), text->size()) - at);
  }
}

// The bytes, with 0 for each timestamp and, of a socket without a client id, its sid.
std::string Comparable(const std::string& bytes, bool made_up_sid) {
  std::string text = bytes;
  if (text.size() <= 100'000) Blank(&text, "\"timestamp\": ", "0123456789");
  if (made_up_sid) Blank(&text, "\"sid\": \"", "0123456789abcdef");
  return text;
}

// Where they differ, with a little around it.
std::string Difference(const std::string& actual, const std::string& expected) {
  const auto [in_actual, in_expected] = std::mismatch(actual.begin(), actual.end(), expected.begin(), expected.end());
  const auto at = static_cast<size_t>(in_actual - actual.begin());
  const size_t from = at < 60 ? 0 : at - 60;
  return "at byte " + std::to_string(at) + "\n  actual: " + actual.substr(from, 300) +
         "\nexpected: " + expected.substr(from, 300);
}

class AgainstRecordedSockets : public testing::TestWithParam<Scenario> {
 protected:
  struct Client {
    std::optional<BlockingWebSocket> socket;
    std::deque<Frame> inbox;
  };

  FakeComfy& comfy() { return queue_.comfy(); }

  // Everything that was sent up to now is in the inboxes when this returns.
  void Collect() {
    comfy().SendFrame(kMark);
    const std::vector<OpenSocket> open = comfy().sockets();
    for (auto& [connection, client] : clients_) {
      const auto seat =
          std::find_if(open.begin(), open.end(), [&](const auto& s) { return s.connection == connection; });
      if (seat == open.end() || !seat->seated) continue;
      for (;;) {
        auto frame = client->socket->Receive();
        ASSERT_TRUE(frame) << "a socket has ended";
        if (frame->bytes == kMark) break;
        client->inbox.push_back(*std::move(frame));
      }
    }
  }

  void Open(size_t moment) {
    const size_t socket = moments_[moment].sockets[0];
    for (size_t i = moment + 1; i < moments_.size(); ++i) {
      const Moment& greeting = moments_[i];
      if (greeting.kind != Moment::Kind::kGreeting || greeting.sockets[0] != socket) continue;
      // What the owner missed.
      if (greeting.type() == "executing") nodes_.StartIfIdle(greeting.data().Find("node")->text);
    }
    Collect();
    by_index_[socket].socket.emplace(comfy().port(), sockets_[socket].target);
    ASSERT_TRUE(comfy().WaitForSockets(++opened_));
    clients_[comfy().sockets().back().connection] = &by_index_[socket];
    Collect();
  }

  void Close(const Moment& moment) {
    Client& client = by_index_[moment.sockets[0]];
    moment.kind == Moment::Kind::kClose ? client.socket->Close() : client.socket->Drop();
    ASSERT_TRUE(comfy().WaitForClosedSockets(++closed_));
    std::erase_if(clients_, [&](const auto& known) { return known.second == &client; });
    EXPECT_TRUE(client.inbox.empty()) << "more than recorded: " << client.inbox.front().bytes.substr(0, 200);
  }

  void Say(const Moment& moment) {
    by_index_[moment.sockets[0]].socket->SendText(moment.frame->payload());
    ASSERT_TRUE(comfy().WaitForSocketTexts(++said_));
    Collect();
  }

  void Cause(size_t index) {
    const Moment& moment = moments_[index];
    if (moment.frame->op == "binary" && moment.frame->kept[3] == '\3') {
      // Text of a node, which the fake has no word for.
      comfy().SendBinary(moment.frame->payload(), sockets_[moment.sockets[0]].client_id);
    } else if (moment.type() == "status") {
      queue_.CatchUp(moment);
    } else if (moment.is_end()) {
      queue_.Finish();
    } else {
      nodes_.Do(index);
    }
    Collect();
  }

  void Expect(size_t index) {
    const Moment& moment = moments_[index];
    if (moment.kind == Moment::Kind::kMessage && by_index_[moment.sockets[0]].inbox.empty()) Cause(index);
    for (const size_t socket : moment.sockets) {
      SCOPED_TRACE(sockets_[socket].name);
      std::deque<Frame>& inbox = by_index_[socket].inbox;
      ASSERT_FALSE(inbox.empty()) << "nothing was sent, but recorded: " << moment.frame->kept.substr(0, 300);
      const bool made_up_sid = sockets_[socket].target.find("clientId=") + 9 >= sockets_[socket].target.size();
      const std::string actual = Comparable(inbox.front().bytes, made_up_sid);
      const std::string expected = Comparable(moment.frame->payload(), made_up_sid);
      ASSERT_TRUE(actual == expected) << Difference(actual, expected);
      inbox.pop_front();
    }
    nodes_.Note(moment);
  }

  const Recording recording_ = LoadRecording(kRoot, GetParam().version, GetParam().name);
  const std::vector<RecordedSocket> sockets_ = SocketsOf(GetParam());
  const std::vector<Moment> moments_ = MomentsOf(sockets_);
  RecordedQueue queue_{recording_, sockets_, moments_, {}};
  RecordedNodes nodes_{&queue_.comfy(), moments_};
  std::map<size_t, Client> by_index_;  // as in sockets_
  std::map<int, Client*> clients_;     // those that are open, by connection
  size_t opened_ = 0;
  size_t closed_ = 0;
  size_t said_ = 0;
};

TEST_P(AgainstRecordedSockets, ItTellsThemTheSame) {
  for (size_t i = 0; i < moments_.size(); ++i) {
    const Moment& moment = moments_[i];
    SCOPED_TRACE("moment " + std::to_string(i) + " " + moment.type());
    switch (moment.kind) {
      case Moment::Kind::kOpen:
        Open(i);
        break;
      case Moment::Kind::kGreeting:
      case Moment::Kind::kMessage:
        Expect(i);
        break;
      case Moment::Kind::kSpeech:
        Say(moment);
        break;
      case Moment::Kind::kClose:
      case Moment::Kind::kCut:
        Close(moment);
        break;
    }
    if (HasFatalFailure()) return;
  }
}

std::vector<Scenario> Scenarios() {
  std::vector<Scenario> scenarios;
  const auto add = [&](const std::string& version, std::initializer_list<const char*> names) {
    for (const char* name : names) scenarios.push_back({version, name});
  };
  add("2023-12", {"02-no-client-id", "03-own-client-id", "08-cached-rerun", "09-node-exception", "13-clear-queue"});
  add("v0.3.44", {"02-no-client-id", "03-own-client-id", "06-queue-order", "08-cached-rerun", "09-node-exception",
                  "10-interrupt-running", "12-delete-pending", "13-clear-queue"});
  add("v0.3.64", {"02-no-client-id",    "03-own-client-id",   "04-monitor-client-id",  "06-queue-order",
                  "07-success-images",  "08-cached-rerun",    "09-node-exception",     "11-interrupt-pending",
                  "12-delete-pending",  "13-clear-queue",     "14-clear-history",      "16-validation",
                  "17-no-ui",           "18-text-and-odd-ui", "18b-unserializable-ui", "23-duplicate-client-id",
                  "27-graph-kinds",     "28-timestamps",      "50-dead-worker",        "51-cycle-status",
                  "54-progress-shapes", "57-client-id-list"});
  add("v0.33.0",
      {"02-no-client-id", "03-own-client-id", "05-odd-client-ids", "06-queue-order", "07-success-images",
       "08-cached-rerun", "09-node-exception", "10-interrupt-running", "11-interrupt-pending", "12-delete-pending",
       "13-clear-queue", "14-clear-history", "16-validation", "17-no-ui", "18b-unserializable-ui",
       "23-duplicate-client-id", "28-timestamps", "40-api-jobs", "57-client-id-list"});
  for (const char* version : {"v0.3.64", "v0.33.0"}) {
    scenarios.push_back({version, "22-restart", {"monitor", "submitter"}});  // up to the restart
    scenarios.push_back({version, "24-ws-frames", {"plain", "feature-flags", "feature-flags-second-message"}});
  }
  return scenarios;
}

INSTANTIATE_TEST_SUITE_P(All, AgainstRecordedSockets, testing::ValuesIn(Scenarios()), TestName);

class RecordedHandshakes : public testing::TestWithParam<Scenario> {
 protected:
  // In lines; values where they do not change from time to time.
  static std::vector<std::string> Lines(const BlockingClient::Headers& headers) {
    std::vector<std::string> lines;
    for (const auto& [name, value] : headers) {
      const bool varies = name == "Date" || name == "Content-Length";
      lines.push_back(name + (varies ? "" : ": " + value));
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }
};

TEST_P(RecordedHandshakes, AreAnsweredTheSame) {
  FakeComfy comfy({.version = GetParam().version});
  for (const RecordedSocket& socket : LoadSockets(kRoot, GetParam().version, GetParam().name)) {
    // The fake does not compress, which is its right, and does not look at Origin.
    if (socket.name.starts_with("deflate") || socket.name == "handshake-origin-mismatch") continue;
    SCOPED_TRACE(socket.name);
    BlockingClient client("127.0.0.1", comfy.port());
    BlockingClient::Headers headers = socket.request_headers;
    std::erase_if(headers, [](const auto& header) { return header.first == "Host"; });  // the client has its own
    const auto reply = client.Ask("GET", socket.target, "", headers);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, socket.status);
    EXPECT_EQ(Lines(reply->headers), Lines(socket.headers));
  }
}

INSTANTIATE_TEST_SUITE_P(All, RecordedHandshakes,
                         testing::Values(Scenario{"2023-12", "01-idle"}, Scenario{"v0.3.44", "01-idle"},
                                         Scenario{"v0.3.64", "01-idle"}, Scenario{"v0.3.64", "24-ws-frames"},
                                         Scenario{"v0.33.0", "01-idle"}, Scenario{"v0.33.0", "24-ws-frames"}),
                         TestName);

// A frame as a client sends it, with a mask that changes nothing; short, or very long.
std::string ClientFrame(unsigned char first_byte, const std::string& payload) {
  std::string bytes = {static_cast<char>(first_byte)};
  const bool is_short = payload.size() < 126;
  bytes += static_cast<char>(0x80 | (is_short ? payload.size() : 127));
  for (int shift = 56; !is_short && shift >= 0; shift -= 8)
    bytes += static_cast<char>((payload.size() >> shift) & 0xff);
  return bytes + std::string(4, '\0') + payload;
}

class OddFrames : public testing::TestWithParam<std::string> {};

// The recording has but the beginnings of what was sent. Not here: closing handshakes, and an unmasked frame, which
// aiohttp takes.
TEST_P(OddFrames, AreTakenAsRecorded) {
  const std::map<std::string, std::string> odd_frames = {
      {"client-sends-not-json", ClientFrame(0x81, "hello")},
      {"client-sends-json-list", ClientFrame(0x81, "[1]")},
      {"client-sends-json-number", ClientFrame(0x81, "5")},
      {"client-sends-binary", ClientFrame(0x82, "bytes")},
      {"client-sends-bad-utf8", ClientFrame(0x81, "\xff\xfe")},
      {"client-sends-fragmented",
       ClientFrame(0x01, "{\"type\": \"feature") + ClientFrame(0x80, "_flags\", \"data\": {}}")},
      {"client-sends-3MB", ClientFrame(0x81, std::string(3'000'000, 'x'))},
      {"client-sends-5MB", ClientFrame(0x81, std::string(5'000'000, 'x'))},
      {"client-sends-rsv-bit", ClientFrame(0xc1, "hello")},
  };
  FakeComfy comfy({.version = GetParam()});
  for (const RecordedSocket& recorded : LoadSockets(kRoot, GetParam(), "24-ws-frames")) {
    const auto odd_frame = odd_frames.find(recorded.name);
    if (odd_frame == odd_frames.end()) continue;
    SCOPED_TRACE(recorded.name);
    BlockingWebSocket socket(comfy.port(), recorded.target);
    socket.ReceiveText();
    socket.SendRaw(odd_frame->second);
    const auto answered = std::find_if(recorded.frames.begin() + 1, recorded.frames.end(), [](const auto& frame) {
      return frame.op == "close" || (frame.from_server && frame.op == "text");
    });
    ASSERT_NE(answered, recorded.frames.end());
    if (answered->op == "text") {
      EXPECT_EQ(socket.ReceiveText(), answered->payload());
    } else if (answered->from_server) {
      EXPECT_TRUE(socket.WaitForEnd());
      EXPECT_EQ(socket.close_code(), answered->close_code);
    } else {
      EXPECT_TRUE(socket.Ping());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, OddFrames, testing::Values("v0.3.64", "v0.33.0"),
                         [](const auto& version) { return Name(version.param); });

}  // namespace
}  // namespace fakes
