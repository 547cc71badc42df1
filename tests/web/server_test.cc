#include "web/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "fakes/blocking_client.h"
#include "web/status_source.h"

namespace web {
namespace {

using fakes::BlockingClient;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const jobs::Time kNow{std::chrono::seconds(1'800'000'000)};

// Notes what it is asked for, and answers when the test says so.
class PlayedArchive final : public jobs::Archive {
 public:
  void Wake() override {}
  void OutOfPatience() override {}
  void Find(const std::string&, Done) override {}
  void List(const jobs::ArchiveQuery&, Done done) override { asked.push_back(std::move(done)); }
  std::vector<Done> asked;
};

class MetricsPort : public testing::Test {
 protected:
  std::unique_ptr<Server> Start(ServerOptions options = {}) {
    options.listen = "127.0.0.1:0";
    if (!options.may_see_jobs) options.may_see_jobs = [](const std::string&) { return true; };
    auto server = Server::Start(options, board, [this] {
      ++scrapes;
      return Readings{.now = kNow, .board = board.Read()};
    });
    if (!server) throw std::runtime_error(server.error());
    return *std::move(server);
  }
  static fakes::Reply Get(const Server& server, const std::string& path, const std::string& authorization = "") {
    const std::string& address = server.address();
    BlockingClient client("127.0.0.1", static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    BlockingClient::Headers headers;
    if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
    return client.Ask("GET", path, "", headers).value();
  }

  board::Board board{{{"gpu1", "http://gpu1:8188"}}, {}, 1000};
  std::atomic<int> scrapes = 0;
};

jobs::QueueObserved Running(const std::string& id) {
  jobs::QueueObserved queue;
  queue.listing.running.push_back({id, {0}, {}});
  return queue;
}

TEST_F(MetricsPort, ReadsTheCountersAtEachScrape) {
  const auto server = Start();
  const auto reply = Get(*server, "/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.Header("Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
  EXPECT_THAT(reply.body, HasSubstr("\njobstatus_jobs{backend=\"gpu1\",state=\"processing\"} 0\n"));
  board.Observe("gpu1", Running("secret-cat"), kNow);
  EXPECT_THAT(Get(*server, "/metrics").body,
              AllOf(HasSubstr("state=\"processing\"} 1\n"), Not(HasSubstr("secret-cat"))));
  EXPECT_EQ(scrapes, 2);
}

TEST_F(MetricsPort, ShowsJobsToWhoeverMayCall) {
  board.Observe("gpu1", Running("secret-cat"), kNow);
  const auto server = Start({.may_see_jobs = [](const std::string& sent) { return sent == "Bearer right"; }});
  EXPECT_THAT(Get(*server, "/status.json", "Bearer right").body, HasSubstr("\"id\":\"secret-cat\""));
  for (const char* sent : {"", "Bearer wrong"}) {
    const auto refused = Get(*server, "/status.json", sent);
    EXPECT_EQ(refused.status, 401);
    EXPECT_EQ(refused.Header("WWW-Authenticate"), "Bearer");
    EXPECT_THAT(refused.body, AllOf(HasSubstr("send a token"), Not(HasSubstr("secret-cat"))));
  }
  for (const char* open : {"/", "/page.js", "/page.css", "/metrics", "/healthz"}) {
    const auto reply = Get(*server, open);
    EXPECT_EQ(reply.status, 200) << open;
    EXPECT_THAT(reply.body, Not(HasSubstr("secret-cat"))) << open;
  }
}

TEST_F(MetricsPort, WhereThePageIsRefusedItSaysWhy) {
  board.Observe("gpu1", Running("secret-cat"), kNow);
  const auto server = Start({.page_refused = "not here"});
  for (const char* path : {"/", "/status.json"}) {
    EXPECT_EQ(Get(*server, path).status, 403);
    EXPECT_EQ(Get(*server, path).body, "not here\n");
  }
  EXPECT_EQ(Get(*server, "/page.js").status, 404);
  EXPECT_EQ(Get(*server, "/metrics").status, 200);
}

TEST(StatusSource, ManyViewersCostAsMuchAsOne) {
  PlayedArchive archive;
  const board::Board board({{"gpu1", "http://gpu1:8188"}}, {}, 1000, {.archive = &archive});
  StatusSource source(board);
  std::vector<std::shared_ptr<const std::string>> seen;
  for (int i = 0; i < 3; ++i) source.Get([&](auto json) { seen.push_back(json); });
  ASSERT_EQ(archive.asked.size(), 1u);
  EXPECT_TRUE(seen.empty()) << "the archive has not answered";
  archive.asked.front()(std::vector<jobs::Snapshot>());
  ASSERT_EQ(seen.size(), 3u);
  EXPECT_EQ(seen[0], seen[2]);
  source.Get([&](auto json) { seen.push_back(json); });
  EXPECT_EQ(archive.asked.size(), 1u) << "what was made holds for a second";
  EXPECT_EQ(seen.size(), 4u);
}

TEST(StatusSource, SaysWhenTheArchiveCannotBeReadAndAsksAgain) {
  PlayedArchive archive;
  const board::Board board({{"gpu1", "http://gpu1:8188"}}, {}, 1000, {.archive = &archive});
  StatusSource source(board);
  std::vector<bool> made;
  source.Get([&](auto json) { made.push_back(json != nullptr); });
  archive.asked.back()(std::unexpected(jobs::ArchiveError{"disk I/O error"}));
  source.Get([&](auto json) { made.push_back(json != nullptr); });
  ASSERT_EQ(archive.asked.size(), 2u);
  archive.asked.back()(std::vector<jobs::Snapshot>());
  EXPECT_THAT(made, testing::ElementsAre(false, true));
}

}  // namespace
}  // namespace web
