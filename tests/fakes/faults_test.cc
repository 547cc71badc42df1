#include <gtest/gtest.h>

#include <thread>

#include "fakes/blocking_client.h"
#include "fakes/fake_comfy.h"

namespace fakes {
namespace {

using std::chrono::milliseconds;

struct FakeComfyFaults : testing::Test {
  FakeComfy comfy;
  BlockingClient client{"127.0.0.1", comfy.port()};

  std::string Body(std::string_view target) {
    const auto reply = client.Ask("GET", target);
    return reply ? reply->body : "no reply";
  }
};

TEST_F(FakeComfyFaults, AreTakenAsOftenAsAskedAndByPrefix) {
  comfy.Inject("/queue", Fault::Status(503, "busy"), 2);
  EXPECT_EQ(client.Ask("GET", "/prompt")->status, 200);
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 503);
  EXPECT_EQ(Body("/queue"), "busy");
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 200);
}

TEST_F(FakeComfyFaults, LastForEverUntilCleared) {
  comfy.Inject("/", Fault::Body("{nonsense"), -1);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(Body("/queue"), "{nonsense");
  comfy.ClearFaults();
  EXPECT_EQ(Body("/prompt"), "{\"exec_info\": {\"queue_remaining\": 0}}");
}

TEST_F(FakeComfyFaults, RedirectNamesThePlace) {
  comfy.Inject("/queue", Fault::Redirect("http://example.org/"));
  const auto reply = client.Ask("GET", "/queue");
  EXPECT_EQ(reply->status, 302);
  EXPECT_EQ(reply->Header("Location"), "http://example.org/");
}

TEST_F(FakeComfyFaults, HangIsReleasedByClearFaults) {
  comfy.Inject("/queue", Fault::Hang());
  std::thread releaser([this] {
    comfy.WaitForRequests("/queue", 1);
    comfy.ClearFaults();
  });
  EXPECT_FALSE(client.Ask("GET", "/queue"));
  releaser.join();
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 200);
}

TEST_F(FakeComfyFaults, HangEndsWithTheServer) {
  auto other = std::make_unique<FakeComfy>();
  BlockingClient asker("127.0.0.1", other->port());
  other->Inject("/", Fault::Hang());
  std::thread ender([&other] {
    other->WaitForRequests("/", 1);
    other.reset();
  });
  EXPECT_FALSE(asker.Ask("GET", "/queue"));
  ender.join();
}

TEST_F(FakeComfyFaults, DripComesWholeInTheEnd) {
  comfy.Inject("/queue", Fault::Drip(3, milliseconds(1), "{\"a\": [1, 2, 3]}"));
  EXPECT_EQ(Body("/queue"), "{\"a\": [1, 2, 3]}");
  EXPECT_EQ(comfy.connection_count(), 1);
}

TEST_F(FakeComfyFaults, ClosingComesBeforeOrInTheMiddleOfTheAnswer) {
  comfy.Inject("/queue", Fault::CloseBeforeAnswer());
  EXPECT_FALSE(client.Ask("GET", "/queue"));
  comfy.Inject("/queue", Fault::CloseMidBody("0123456789"));
  const auto reply = client.Ask("GET", "/queue");
  ASSERT_TRUE(reply);
  EXPECT_FALSE(reply->whole);
  EXPECT_EQ(reply->body, "01234");
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 200);
}

TEST_F(FakeComfyFaults, TooBigIsAsBigAsItSays) {
  comfy.Inject("/queue", Fault::TooBig(3'000'000));
  EXPECT_EQ(Body("/queue").size(), 3'000'000U);
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 200);
}

TEST_F(FakeComfyFaults, DownRefusesAndForgetsAndUpListensOnTheSamePort) {
  comfy.Submit();
  EXPECT_EQ(Body("/prompt"), "{\"exec_info\": {\"queue_remaining\": 1}}");
  comfy.Down();
  EXPECT_FALSE(client.Ask("GET", "/prompt"));
  EXPECT_FALSE(client.TryConnect());
  comfy.Up();
  EXPECT_EQ(Body("/prompt"), "{\"exec_info\": {\"queue_remaining\": 0}}");
  EXPECT_EQ(comfy.Submit().number, "0");
}

TEST_F(FakeComfyFaults, RestartDropsConnectionsAndForgets) {
  comfy.Submit();
  EXPECT_EQ(client.Ask("GET", "/prompt")->status, 200);
  comfy.Restart();
  EXPECT_FALSE(client.Ask("GET", "/prompt"));
  EXPECT_EQ(Body("/prompt"), "{\"exec_info\": {\"queue_remaining\": 0}}");
  EXPECT_EQ(comfy.connection_count(), 2);
}

TEST_F(FakeComfyFaults, FrozenItAcceptsAndSaysNothingUntilThawed) {
  comfy.Freeze();
  EXPECT_TRUE(client.TryConnect());
  client.set_patience(milliseconds(50));
  EXPECT_FALSE(client.Ask("GET", "/prompt"));
  comfy.Submit();  // the queue itself goes on
  comfy.Thaw();
  client.set_patience(milliseconds(10'000));
  EXPECT_EQ(Body("/prompt"), "{\"exec_info\": {\"queue_remaining\": 1}}");
}

TEST_F(FakeComfyFaults, KilledWhileFrozenItAnswersNothingOld) {
  comfy.Freeze();
  ASSERT_TRUE(client.TryConnect());
  comfy.Down();
  EXPECT_FALSE(client.Ask("GET", "/prompt"));
  comfy.Up();
  EXPECT_EQ(client.Ask("GET", "/prompt")->status, 200);
}

TEST_F(FakeComfyFaults, EndsWhileFrozen) {
  comfy.Freeze();
  EXPECT_TRUE(client.TryConnect());
}

TEST_F(FakeComfyFaults, HooksStandBetweenRequestAndAnswer) {
  comfy.SetBeforeAnswer([this](const Request& request) {
    if (request.path() == "/queue") comfy.Submit();
  });
  comfy.SetAfterAnswer([this](const Request&) { comfy.StartNext(); });
  EXPECT_NE(Body("/queue").find("\"queue_running\": []"), std::string::npos);
  EXPECT_EQ(comfy.running().size(), 1U);
  EXPECT_EQ(Body("/prompt"), "{\"exec_info\": {\"queue_remaining\": 1}}");
}

TEST_F(FakeComfyFaults, AHookMayKillTheServerItRunsIn) {
  comfy.SetBeforeAnswer([this](const Request&) { comfy.Restart(); });
  EXPECT_FALSE(client.Ask("GET", "/queue"));
  comfy.SetBeforeAnswer(nullptr);
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 200);
}

TEST_F(FakeComfyFaults, RequestsAreObserved) {
  client.Ask("POST", "/queue", "{\"clear\": true}", {{"X-Odd", "yes"}});
  client.Disconnect();
  client.Ask("GET", "/history/a?b=c");
  EXPECT_TRUE(comfy.WaitForRequests("/history", 1));
  const auto requests = comfy.requests();
  ASSERT_EQ(requests.size(), 2U);
  EXPECT_EQ(requests[0].headers.at("x-odd"), "yes");
  EXPECT_EQ(requests[0].body, "{\"clear\": true}");
  EXPECT_EQ(requests[1].target, "/history/a?b=c");
  EXPECT_EQ(requests[1].connection, 2);
  EXPECT_EQ(comfy.request_count("/history"), 1U);
  EXPECT_EQ(comfy.request_count(), 2U);
}

TEST(FakeComfyAddress, MayBeIpv6AndUnderAPath) {
  FakeComfy comfy({.address = "::1", .base_path = "/comfy"});
  EXPECT_EQ(comfy.url(), "http://[::1]:" + std::to_string(comfy.port()) + "/comfy");
  BlockingClient client("::1", comfy.port());
  EXPECT_EQ(client.Ask("GET", "/comfy/queue")->status, 200);
  EXPECT_EQ(client.Ask("GET", "/queue")->status, 404);
  EXPECT_EQ(comfy.request_count("/queue"), 1U);
}

TEST_F(FakeComfyFaults, WhatIsSentAndWhatThatTookIsCounted) {
  const auto reply = client.Ask("GET", "/prompt");
  size_t bytes = std::string("HTTP/1.1 200 OK\r\n\r\n").size() + reply->body.size();
  for (const auto& [name, value] : reply->headers) bytes += name.size() + value.size() + std::string(": \r\n").size();
  while (comfy.sent_bytes() < bytes) std::this_thread::yield();  // the client may have it before it is counted
  EXPECT_EQ(comfy.sent_bytes(), bytes);
  const auto before = comfy.cpu();
  EXPECT_GT(before.count(), 0);
  client.Ask("GET", "/prompt");
  EXPECT_GT(comfy.cpu(), before);
}

}  // namespace
}  // namespace fakes
