#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>

#include "fakes/blocking_client.h"
#include "fakes/blocking_web_socket.h"
#include "fakes/fake_comfy.h"
#include "fakes/python_json.h"

namespace fakes {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kMark = "this is all so far";

std::string TypeOf(const Frame& frame) {
  if (!frame.is_text) return "preview";
  const Json message = ParseJson(frame.bytes).value_or(Json());
  const Json* type = message.Find("type");
  return type ? type->text : frame.bytes;
}

struct Sockets : testing::Test {
  explicit Sockets(FakeComfyOptions options = {}) : comfy(std::move(options)) {}

  // The server has it when this returns, unless it was refused.
  BlockingWebSocket Connect(const std::string& client_id) {
    const size_t before = comfy.socket_count();
    BlockingWebSocket socket(comfy.port(), "/ws?clientId=" + client_id);
    EXPECT_TRUE(!socket.is_open() || comfy.WaitForSockets(before + 1));
    return socket;
  }
  // Connects and reads the greeting.
  BlockingWebSocket Greeted(const std::string& client_id) {
    BlockingWebSocket socket = Connect(client_id);
    EXPECT_EQ(socket.ReceiveText(), Greeting(client_id));
    return socket;
  }
  static std::string Greeting(const std::string& sid, int remaining = 0) {
    return R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": )" + std::to_string(remaining) +
           R"(}}, "sid": ")" + sid + "\"}}";
  }
  // The types of what a socket that has its seat was told since the last call.
  std::string Told(BlockingWebSocket& socket) {
    const std::string mark = std::string(kMark) + ", " + std::to_string(++marks);
    comfy.SendFrame(mark);
    std::string types;
    for (;;) {
      const auto frame = socket.Receive();
      if (!frame) return types + "the end";
      if (frame->bytes == mark) return types;
      if (!frame->bytes.starts_with(kMark)) types += TypeOf(*frame) + " ";  // else meant for another socket
    }
  }
  bool IsSeated(size_t socket) { return comfy.sockets().at(socket).seated; }
  // The server's thread has done what it was asked to do.
  void PassTheServersThread() { ASSERT_EQ(client.Ask("GET", "/prompt")->status, 200); }
  // Of a job with two nodes.
  void RunJob(const std::string& client_id) {
    comfy.Submit({.client_id = client_id});
    comfy.StartNext();
    comfy.StartNode("3");
    comfy.Step("3", 1, 1, "\xff\xd8");
    comfy.FinishNode("3");
    comfy.FinishNode("9", "{}");
    comfy.FinishSuccess();
  }

  FakeComfy comfy;
  int marks = 0;
  BlockingClient client{"127.0.0.1", comfy.port()};
};

// --- who sits where ---

TEST_F(Sockets, TheEndOfAnOlderOneSilencesTheNewerWithTheSameId) {
  BlockingWebSocket older = Greeted("same");
  BlockingWebSocket newer = Greeted("same");
  BlockingWebSocket other = Greeted("other");
  comfy.Submit();
  EXPECT_EQ(Told(newer), "status ");
  EXPECT_FALSE(IsSeated(0));  // the older one is silent from the moment the newer came
  EXPECT_TRUE(IsSeated(1));

  older.Drop();
  ASSERT_TRUE(comfy.WaitForClosedSockets(1));
  EXPECT_FALSE(IsSeated(0));  // now the newer one
  comfy.Submit();
  EXPECT_EQ(Told(other), "status status ");
  EXPECT_TRUE(newer.Ping());
  newer.set_patience(milliseconds(20));
  EXPECT_FALSE(newer.Receive());
  EXPECT_TRUE(newer.is_open());

  BlockingWebSocket newest = Connect("same");
  EXPECT_EQ(newest.ReceiveText(), Greeting("same", 2));
  comfy.Submit();
  EXPECT_EQ(Told(newest), "status ");
}

TEST_F(Sockets, AnOwnerThatComesBackIsToldTheNodeButNotTheJob) {
  comfy.Submit({.client_id = "owner"});
  comfy.StartNext();
  BlockingWebSocket early = Connect("owner");
  EXPECT_EQ(Told(early), "status ");  // no node runs yet
  comfy.StartNode("3");
  BlockingWebSocket late = Connect("owner");
  EXPECT_EQ(late.ReceiveText(), Greeting("owner", 1));
  EXPECT_EQ(late.ReceiveText(), R"({"type": "executing", "data": {"node": "3"}})");
  BlockingWebSocket other = Connect("other");
  EXPECT_EQ(Told(other), "status ");
}

TEST_F(Sockets, FeaturesAreToldToWhoeverHasTheSeat) {
  BlockingWebSocket older = Greeted("same");
  BlockingWebSocket newer = Greeted("same");
  older.SendText(R"({"type": "feature_flags", "data": {}})");
  ASSERT_TRUE(comfy.WaitForSocketTexts(1));
  EXPECT_EQ(Told(newer), "feature_flags ");
}

TEST_F(Sockets, FeaturesAreToldOnlyInAnswerToAFirstMessage) {
  BlockingWebSocket socket = Greeted("a");
  socket.SendText("[not an object, so it does not count");
  socket.SendText(R"({"type": "hello"})");
  socket.SendText(R"({"type": "feature_flags", "data": {}})");
  ASSERT_TRUE(comfy.WaitForSocketTexts(3));
  EXPECT_EQ(Told(socket), "");
  EXPECT_EQ(comfy.socket_texts()[1], R"({"type": "hello"})");
}

TEST_F(Sockets, PreviewsWithMetadataComeBeforeProgressToWhoAsksForThem) {
  BlockingWebSocket socket = Greeted("owner");
  socket.SendText(R"({"type": "feature_flags", "data": {"supports_preview_metadata": true}})");
  ASSERT_TRUE(comfy.WaitForSocketTexts(1));
  RunJob("owner");
  EXPECT_NE(Told(socket).find(" progress_state preview progress progress_state "), std::string::npos);
}

// --- one queue, one sender ---

TEST_F(Sockets, OneThatDoesNotReadHoldsUpEverybody) {
  BlockingWebSocket reader = Greeted("reader");
  BlockingWebSocket clogged(comfy.port(), "/ws?clientId=clogged", {}, /*receive_buffer_bytes=*/4096);
  ASSERT_TRUE(comfy.WaitForSockets(2));
  comfy.SendBinary(std::string(32'000'000, 'x'), "clogged");  // more than the kernel takes
  comfy.SendFrame("at last");
  PassTheServersThread();
  EXPECT_EQ(comfy.queued_events(), 1U);
  BlockingWebSocket newcomer = Greeted("newcomer");  // is greeted past the queue
  clogged.Drop();
  EXPECT_EQ(reader.ReceiveText(), "at last");
  EXPECT_EQ(newcomer.ReceiveText(), "at last");
}

TEST_F(Sockets, HeldEventsWaitUntilReleasedOneByOne) {
  BlockingWebSocket socket = Greeted("a");
  comfy.HoldEvents();
  for (const char* text : {"1", "2", "3"}) {
    comfy.SendFrame("to nobody", "nobody");
    comfy.SendFrame(text);
  }
  PassTheServersThread();
  EXPECT_EQ(comfy.queued_events(), 6U);
  Greeted("b");  // newcomers do not wait
  comfy.ReleaseEvents(2);
  EXPECT_EQ(socket.ReceiveText(), "1");
  EXPECT_EQ(socket.ReceiveText(), "2");
  EXPECT_EQ(comfy.queued_events(), 2U);
  comfy.ReleaseEvents();
  EXPECT_EQ(socket.ReceiveText(), "3");
}

TEST_F(Sockets, SocketsLagBehindHttpWhileEventsAreHeld) {
  BlockingWebSocket socket = Greeted("owner");
  comfy.HoldEvents();
  RunJob("owner");
  EXPECT_EQ(client.Ask("GET", "/prompt")->body, R"({"exec_info": {"queue_remaining": 0}})");
  EXPECT_EQ(comfy.history_size(), 1U);
  comfy.ReleaseEvents(1);
  EXPECT_EQ(socket.ReceiveText(), R"({"type": "status", "data": {"status": {"exec_info": {"queue_remaining": 1}}}})");
}

// --- what breaks ---

TEST_F(Sockets, CutTheyEndWithoutACloseFrame) {
  BlockingWebSocket socket = Greeted("a");
  comfy.CutSockets();
  EXPECT_TRUE(comfy.sockets().empty());
  EXPECT_TRUE(socket.WaitForEnd());
  EXPECT_FALSE(socket.close_code());
  Greeted("a");  // and may come back
}

TEST_F(Sockets, CutInTheMiddleOfAMessageTheyNeverGetTheRest) {
  BlockingWebSocket socket = Greeted("a");
  comfy.CutSocketsMidFrame();
  EXPECT_FALSE(socket.Receive());
  EXPECT_FALSE(socket.is_open());
  EXPECT_TRUE(comfy.WaitForClosedSockets(1));
}

TEST_F(Sockets, ClosedTheyGetACloseFrame) {
  BlockingWebSocket socket = Greeted("a");
  comfy.CloseSockets();
  EXPECT_TRUE(socket.WaitForEnd());
  EXPECT_EQ(socket.close_code(), 1000);
}

TEST_F(Sockets, SilencedTheyStayOpenAndAnswerPings) {
  BlockingWebSocket socket = Greeted("a");
  comfy.SilenceSockets();
  comfy.Submit();
  EXPECT_TRUE(socket.Ping());
  EXPECT_TRUE(comfy.WaitForPings(1));
  socket.set_patience(milliseconds(20));
  EXPECT_FALSE(socket.Receive());
  EXPECT_TRUE(socket.is_open());
}

TEST_F(Sockets, RefusedTheyGetThatStatusUntilAllowed) {
  comfy.RefuseSockets(503);
  EXPECT_EQ(Connect("a").status(), 503);
  EXPECT_EQ(comfy.socket_count(), 0U);
  comfy.AllowSockets();
  EXPECT_EQ(Greeted("a").status(), 101);
}

TEST_F(Sockets, ARestartEndsThemAndForgetsWhatWasQueued) {
  BlockingWebSocket socket = Greeted("a");
  comfy.HoldEvents();
  comfy.Submit();
  comfy.Restart();
  comfy.ReleaseEvents();
  EXPECT_TRUE(socket.WaitForEnd());
  EXPECT_FALSE(socket.close_code());
  BlockingWebSocket again = Greeted("a");
  EXPECT_EQ(Told(again), "");
}

TEST_F(Sockets, FrozenTheyAnswerNoPingAndAreOpen) {
  BlockingWebSocket socket = Greeted("a");
  comfy.Freeze();
  comfy.Submit();
  socket.set_patience(milliseconds(20));
  EXPECT_FALSE(socket.Ping());
  EXPECT_TRUE(socket.is_open());
  comfy.Thaw();
  socket.set_patience(milliseconds(10'000));
  EXPECT_TRUE(socket.Ping());
  EXPECT_EQ(Told(socket), "status ");
}

TEST_F(Sockets, WithoutAClientIdOneIsMadeUp) {
  BlockingWebSocket socket(comfy.port(), "/ws");
  const std::string greeting = socket.ReceiveText();
  const std::string sid = comfy.sockets().at(0).client_id;
  EXPECT_EQ(greeting, Greeting(sid));
  EXPECT_EQ(sid.size(), 32U);
}

struct MuteSockets : Sockets {
  MuteSockets() : Sockets({.mute = true}) {}
};

TEST_F(MuteSockets, HearOnlyWhatTheTestSays) {
  BlockingWebSocket owner = Connect("owner");
  BlockingWebSocket other = Connect("other");
  RunJob("owner");
  comfy.SendFrame("garbage {", "owner");
  comfy.SendBinary("\1\2", "owner");
  EXPECT_EQ(Told(owner), "garbage { preview ");
  EXPECT_EQ(Told(other), "");
}

TEST(SocketsUnderAPath, AreFoundThereOnly) {
  FakeComfy comfy({.base_path = "/comfy"});
  EXPECT_EQ(BlockingWebSocket(comfy.port(), "/ws").status(), 404);
  EXPECT_TRUE(BlockingWebSocket(comfy.port(), "/comfy/ws").is_open());
  EXPECT_TRUE(BlockingWebSocket(comfy.port(), "/comfy/api/ws").is_open());
}

// --- who gets what, by version ---

struct Rules {
  std::string version;
  std::string to_owner;      // of an owned job
  std::string to_others;     // of an owned job
  std::string of_ownerless;  // to everybody

  friend void PrintTo(const Rules& rules, std::ostream* out) { *out << rules.version; }
};

struct SocketRules : Sockets, testing::WithParamInterface<Rules> {
  SocketRules() : Sockets({.version = GetParam().version}) {}
};

TEST_P(SocketRules, SayWhoIsToldWhat) {
  BlockingWebSocket owner = Greeted("owner");
  BlockingWebSocket other = Greeted("other");
  RunJob("owner");
  EXPECT_EQ(Told(owner), GetParam().to_owner);
  EXPECT_EQ(Told(other), GetParam().to_others);
}

TEST_P(SocketRules, SayWhatEverybodyIsToldOfAJobThatIsNobodys) {
  BlockingWebSocket somebody = Greeted("somebody");
  BlockingWebSocket without_id(comfy.port(), "/ws");
  ASSERT_TRUE(comfy.WaitForSockets(2));
  RunJob("");
  EXPECT_EQ(Told(somebody), GetParam().of_ownerless);
  EXPECT_EQ(Told(without_id), "status " + GetParam().of_ownerless);
}

TEST_P(SocketRules, OfAJobThatIsNobodysEverybodyHearsOfAnInterruptionButNotOfAFailure) {
  BlockingWebSocket socket = Greeted("one");
  comfy.Submit();
  comfy.StartNext();
  comfy.FinishInterrupted();
  EXPECT_EQ(Told(socket), "status status execution_interrupted status ");
  comfy.Submit();
  comfy.StartNext();
  comfy.FinishError();
  EXPECT_EQ(Told(socket), "status status status ");
}

constexpr const char* kStates =
    "execution_start execution_cached progress_state executing progress_state progress "
    "preview progress_state executed progress_state execution_success status executing ";

INSTANTIATE_TEST_SUITE_P(
    Versions, SocketRules,
    testing::Values(Rules{"2023-12",
                          "status status execution_start execution_cached executing progress preview status executing ",
                          "status status status ", "status status progress preview status "},
                    Rules{"v0.3.44",
                          "status status execution_start execution_cached executing progress preview executed "
                          "execution_success status executing ",
                          "status status status ", "status status progress preview status "},
                    Rules{"v0.3.57", std::string("status status ") + kStates,
                          "status status progress_state progress_state progress_state progress_state status ",
                          "status status progress_state progress_state progress preview progress_state progress_state "
                          "status "},
                    Rules{"v0.3.64", std::string("status status ") + kStates, "status status status ",
                          "status status progress_state progress_state progress preview progress_state progress_state "
                          "status "},
                    Rules{"v0.33.0", std::string("status status ") + kStates, "status status status ",
                          "status status progress_state progress_state progress preview progress_state progress_state "
                          "status "}),
    [](const auto& rules) {
      std::string name = rules.param.version;
      std::replace_if(
          name.begin(), name.end(), [](char c) { return c == '.' || c == '-'; }, '_');
      return name;
    });

// --- the companion ---

struct MirroredSockets : Sockets {
  MirroredSockets() : Sockets({.companion = true}) {}
};

TEST_F(MirroredSockets, OursHearsOfTheJobsOfOthers) {
  BlockingWebSocket ours = Greeted("jobstatus-1");
  BlockingWebSocket foreign = Greeted("somebody");
  comfy.Submit({.client_id = "owner"});
  comfy.StartNext();
  EXPECT_EQ(Told(ours), "status status jobstatus.mirror ");
  EXPECT_EQ(Told(foreign), "status status ");
}

TEST_F(MirroredSockets, OursIsNotToldTwiceWhatEverybodyIsTold) {
  BlockingWebSocket ours = Greeted("jobstatus-1");
  comfy.Submit();
  comfy.StartNext();
  comfy.Cached({});
  comfy.StartNode("3");
  const std::string told = Told(ours);
  EXPECT_EQ(told.substr(told.rfind("mirror")), "mirror progress_state ");
}

TEST_F(Sockets, WithoutTheCompanionOursHearsNoMoreThanOthers) {
  BlockingWebSocket ours = Greeted("jobstatus-1");
  RunJob("owner");
  EXPECT_EQ(Told(ours), "status status status ");
}

}  // namespace
}  // namespace fakes
