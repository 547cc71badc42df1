// What an operator reads.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <csignal>
#include <sstream>

#include "comfyui/jobstatus/v1/job_status.grpc.pb.h"
#include "e2e/programs.h"
#include "fakes/fake_comfy.h"

namespace e2e {
namespace {

namespace pb = comfyui::jobstatus::v1;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Lt;
using testing::Not;
using testing::StartsWith;

class TheLog : public testing::Test {
 protected:
  void Start(const Arguments& more = {}) { service.emplace(Arguments{"gpu=" + comfy.url()}, more); }

  // What it holds once the service has ended.
  std::string End() {
    service->process().Signal(SIGTERM);
    EXPECT_EQ(service->process().Wait(), 0);
    return service->process().error();
  }

  grpc::Status GetOfABackend(const std::string& backend) const {
    const auto stub =
        pb::JobStatusService::NewStub(grpc::CreateChannel(service->address(), grpc::InsecureChannelCredentials()));
    grpc::ClientContext context;
    pb::GetStatusRequest request;
    request.set_job_id("j");
    request.set_backend(backend);
    pb::GetStatusResponse response;
    return stub->GetStatus(&context, request, &response);
  }

  fakes::FakeComfy comfy;
  std::optional<Service> service;
};

TEST_F(TheLog, IsOneJsonObjectALineWhereNobodyLooks) {
  Start();
  EXPECT_FALSE(GetOfABackend("a \"quoted\"\nname\\").ok());
  std::istringstream log(End());
  simdjson::dom::parser parser;
  int lines = 0;
  bool told = false;
  for (std::string line; std::getline(log, line); ++lines) {
    simdjson::dom::object object;
    ASSERT_EQ(parser.parse(line).get(object), simdjson::SUCCESS) << line;
    std::string_view value;
    ASSERT_EQ(object["time"].get(value), simdjson::SUCCESS) << line;
    EXPECT_THAT(value, StartsWith("20"));
    ASSERT_EQ(object["level"].get(value), simdjson::SUCCESS) << line;
    EXPECT_THAT(value, AnyOf("info", "warning", "error"));
    ASSERT_EQ(object["message"].get(value), simdjson::SUCCESS) << line;
    ASSERT_EQ(object["event"].get(value), simdjson::SUCCESS) << line;
    if (value != "call_failed_NOT_FOUND") continue;
    told = true;
    ASSERT_EQ(object["method"].get(value), simdjson::SUCCESS);
    EXPECT_EQ(value, "GetStatus");
    ASSERT_EQ(object["message"].get(value), simdjson::SUCCESS);
    EXPECT_THAT(value, HasSubstr("\"a \"quoted\" name\\\""));
  }
  EXPECT_GT(lines, 4);
  EXPECT_TRUE(told);
}

TEST_F(TheLog, IsTextWhereItIsAskedFor) {
  Start({"--log-format", "text"});
  EXPECT_THAT(End(), HasSubstr(" info taking calls on " + service->address() + ", in plain text, from anybody\n"));
}

TEST_F(TheLog, HasACallersErrorUnderTheRequestIdThatTheCallerWasTold) {
  comfy.Down();
  Start();
  const Ended get = RunToEnd(service->Command({"get", "x"}));
  EXPECT_EQ(get.exit_code, 5);
  constexpr std::string_view kBefore = "The service's log has this as request ";
  const auto at = get.err.find(kBefore);
  ASSERT_NE(at, std::string::npos) << get.err;
  const std::string request_id = get.err.substr(at + kBefore.size(), 16);
  EXPECT_THAT(End(), HasSubstr("\"code\":\"UNAVAILABLE\""));
  EXPECT_THAT(service->process().error(), HasSubstr("\"request_id\":\"" + request_id + "\""));
}

TEST_F(TheLog, IsNotFloodedByCallersThatFail) {
  Start();
  constexpr int kCalls = 1000;
  for (int i = 0; i < kCalls; ++i) EXPECT_FALSE(GetOfABackend("no-such").ok());
  const std::string log = End();
  int lines = 0;
  for (std::size_t at = 0; (at = log.find("call_failed_NOT_FOUND", at)) != std::string::npos; ++at) ++lines;
  // Fifty, and ten a second: all of them would take more than a minute and a half.
  EXPECT_THAT(lines, Lt(kCalls));
  EXPECT_GE(lines, 50);
}

}  // namespace
}  // namespace e2e
