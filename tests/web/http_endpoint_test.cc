#include "web/http_endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>
#include <vector>

#include "fakes/blocking_client.h"

namespace web {
namespace {

using fakes::BlockingClient;
using testing::HasSubstr;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

std::uint16_t PortOf(const std::string& address) {
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

std::unique_ptr<HttpEndpoint> Start(EndpointOptions options, std::map<std::string, Handler> more = {}) {
  if (options.listen.empty()) options.listen = "127.0.0.1:0";
  more["/hello"] = [](const Request& request, const Respond& respond) {
    respond({.body = "hello " + request.authorization});
  };
  auto endpoint = HttpEndpoint::Start(options, std::move(more));
  if (!endpoint) throw std::runtime_error(endpoint.error());
  return *std::move(endpoint);
}

// A connection that says what it likes.
class RawConnection {
 public:
  explicit RawConnection(const HttpEndpoint& endpoint) {
    socket_.connect({boost::asio::ip::make_address("127.0.0.1"), PortOf(endpoint.address())});
  }
  void Say(const std::string& text) {
    boost::system::error_code gone;
    boost::asio::write(socket_, boost::asio::buffer(text), gone);
  }
  // Everything until the other side closes.
  std::string HearOut() {
    std::string heard;
    boost::system::error_code end;
    boost::asio::read(socket_, boost::asio::dynamic_buffer(heard), end);
    return heard;
  }

 private:
  boost::asio::io_context io_;
  tcp::socket socket_{io_};
};

TEST(HttpEndpoint, AnswersWhatItHas) {
  const auto endpoint = Start({});
  BlockingClient client("127.0.0.1", PortOf(endpoint->address()));
  const auto reply = client.Ask("GET", "/hello?with=query", "", {{"Authorization", "Bearer x"}});
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "hello Bearer x");
  EXPECT_EQ(client.Ask("GET", "/hello")->body, "hello ") << "on the same connection";
  EXPECT_EQ(client.Ask("GET", "/nothing")->status, 404);
  EXPECT_EQ(client.Ask("GET", "/../hello")->status, 404);
}

TEST(HttpEndpoint, TellsABrowserToTrustNothingButThisServer) {
  const auto endpoint = Start({});
  BlockingClient client("127.0.0.1", PortOf(endpoint->address()));
  for (const char* path : {"/hello", "/nothing"}) {
    const auto reply = client.Ask("GET", path);
    EXPECT_THAT(reply->Header("Content-Security-Policy"), HasSubstr("default-src 'none'; script-src 'self'"));
    EXPECT_EQ(reply->Header("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(reply->Header("Cross-Origin-Resource-Policy"), "same-origin");
    EXPECT_EQ(reply->Header("Cache-Control"), "no-store");
    EXPECT_EQ(reply->Header("Access-Control-Allow-Origin"), "");
  }
}

TEST(HttpEndpoint, ChangesNothing) {
  const auto endpoint = Start({});
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE"}) {
    BlockingClient client("127.0.0.1", PortOf(endpoint->address()));
    const auto reply = client.Ask(method, "/hello");
    ASSERT_TRUE(reply) << method;
    EXPECT_EQ(reply->status, 405) << method;
    EXPECT_EQ(reply->Header("Allow"), "GET, HEAD");
  }
  RawConnection head(*endpoint);
  head.Say("HEAD /hello HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  const std::string heard = head.HearOut();
  EXPECT_THAT(heard, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_TRUE(heard.ends_with("\r\n\r\n")) << heard;
}

TEST(HttpEndpoint, AForeignPageCannotReachItByAnotherName) {
  const auto endpoint = Start({});
  const auto status_for = [&](const std::string& host) {
    RawConnection connection(*endpoint);
    connection.Say("GET /hello HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n");
    return connection.HearOut().substr(0, 12);
  };
  for (const char* host : {"localhost", "LocalHost:9464", "127.0.0.1", "127.0.0.1:9464", "[::1]:9464", "10.0.0.7"})
    EXPECT_EQ(status_for(host), "HTTP/1.1 200") << host;
  for (const char* host : {"evil.example", "evil.example:9464", "localhost.evil.example", "127.0.0.1.evil.example"})
    EXPECT_EQ(status_for(host), "HTTP/1.1 421") << host;
  const auto open = Start({.local = false});
  BlockingClient client("127.0.0.1", PortOf(open->address()));
  EXPECT_EQ(client.Ask("GET", "/hello", "", {{"Host", "jobs.example"}})->status, 200);
}

TEST(HttpEndpoint, RefusesWhatItCannotUnderstand) {
  const auto endpoint = Start({.max_header_bytes = 1024});
  const auto heard = [&](const std::string& said) {
    RawConnection connection(*endpoint);
    connection.Say(said);
    return connection.HearOut().substr(0, 12);
  };
  EXPECT_EQ(heard("what?\r\n\r\n"), "HTTP/1.1 400");
  EXPECT_EQ(heard("GET /hello HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello"), "HTTP/1.1 400");
  EXPECT_EQ(heard("GET /hello HTTP/1.1\r\nX: " + std::string(5000, 'x')), "HTTP/1.1 431");
  EXPECT_EQ(heard("GET /" + std::string(100'000, 'x')).substr(0, 9), "HTTP/1.1 ");
}

TEST(HttpEndpoint, WhoSaysNothingIsLeft) {
  const auto endpoint = Start({.request_limit = 50ms});
  RawConnection silent(*endpoint);
  EXPECT_EQ(silent.HearOut(), "");
  RawConnection slow(*endpoint);
  slow.Say("GET /hel");
  EXPECT_EQ(slow.HearOut(), "");
}

TEST(HttpEndpoint, OfTooManyTheIdleOneMakesWay) {
  const auto endpoint = Start({.max_connections = 3});
  const auto port = PortOf(endpoint->address());
  std::vector<std::unique_ptr<RawConnection>> idle;
  for (int i = 0; i < 3; ++i) {
    idle.push_back(std::make_unique<RawConnection>(*endpoint));
    idle.back()->Say("GET /hello HTTP/1.1\r\nHost: localhost\r\n");
  }
  BlockingClient newcomer("127.0.0.1", port);
  EXPECT_EQ(newcomer.Ask("GET", "/hello")->status, 200);
  EXPECT_EQ(idle.front()->HearOut(), "") << "it has been idle longest";
  idle.back()->Say("Connection: close\r\n\r\n");
  EXPECT_EQ(idle.back()->HearOut().substr(0, 12), "HTTP/1.1 200");
}

TEST(HttpEndpoint, AnAnswerMayBeMadeLaterAndByAnotherThread) {
  std::promise<Respond> asked;
  const auto endpoint =
      Start({}, {{"/later", [&](const Request&, const Respond& respond) { asked.set_value(respond); }}});
  BlockingClient client("127.0.0.1", PortOf(endpoint->address()));
  std::jthread other([&] {
    const Respond respond = asked.get_future().get();
    respond({.body = "at last"});
    respond({.body = "twice"});
  });
  EXPECT_EQ(client.Ask("GET", "/later")->body, "at last");
  EXPECT_EQ(client.Ask("GET", "/hello")->body, "hello ");
}

TEST(HttpEndpoint, AnAnswerThatIsNotMadeIsGivenUp) {
  const auto endpoint = Start({.answer_limit = 50ms}, {{"/never", [](const Request&, const Respond&) {}}});
  BlockingClient client("127.0.0.1", PortOf(endpoint->address()));
  EXPECT_EQ(client.Ask("GET", "/never")->status, 503);
  EXPECT_EQ(client.Ask("GET", "/hello")->status, 200);
}

TEST(HttpEndpoint, AnAnswerThatComesAfterItsEndHarmsNobody) {
  std::promise<Respond> asked;
  auto endpoint = Start({}, {{"/later", [&](const Request&, const Respond& respond) { asked.set_value(respond); }}});
  RawConnection connection(*endpoint);
  connection.Say("GET /later HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const Respond respond = asked.get_future().get();
  endpoint->Stop();
  respond({.body = "stopped"});
  endpoint.reset();
  respond({.body = "gone"});
  EXPECT_EQ(connection.HearOut(), "");
}

TEST(HttpEndpoint, SaysWhereItCannotListen) {
  const auto first = Start({});
  const auto second = HttpEndpoint::Start({.listen = first->address()}, {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error(), "cannot listen on " + first->address() + ": Address already in use");
  EXPECT_THAT(HttpEndpoint::Start({.listen = "no-such-host.invalid:1"}, {}).error(), HasSubstr("no-such-host.invalid"));
}

TEST(HttpEndpoint, ListensOnIpv6) {
  auto endpoint = HttpEndpoint::Start({.listen = "[::1]:0"}, {});
  if (!endpoint) GTEST_SKIP() << "there is no IPv6 here: " << endpoint.error();
  EXPECT_TRUE((*endpoint)->address().starts_with("[::1]:"));
  EXPECT_NE((*endpoint)->address(), "[::1]:0");
}

}  // namespace
}  // namespace web
