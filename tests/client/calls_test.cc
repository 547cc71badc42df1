#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "client/scripted_service.h"
#include "jobstatus/client.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

Client Connect(const ScriptedService& service, const std::string& token = "") {
  return std::move(*Client::Create({.target = service.target(), .token = token}));
}

TEST(Calls, GetStatusReturnsTheStatusOfAnyId) {
  ScriptedService service;
  service.get_status = [](const GetStatusRequest& request, GetStatusResponse& response) {
    *response.mutable_status() = MakeProcessing(request.job_id(), 40);
    response.mutable_status()->set_backend(request.backend());
    return grpc::Status::OK;
  };
  const Client client = Connect(service);
  for (const std::string id : {"plain", "日本語 🎨", "a/b?c=d&e", "ünïcödé"}) {
    const Result<JobStatus> status = client.GetStatus(id, "gpu-1");
    ASSERT_TRUE(status.has_value()) << status.error().message;
    EXPECT_EQ(status->job_id(), id);
    EXPECT_EQ(status->backend(), "gpu-1");
  }
}

TEST(Calls, AnUnknownJobIsATypedErrorWithItsMetadata) {
  ScriptedService service;
  service.get_status = [](const GetStatusRequest& request, GetStatusResponse&) {
    return MakeFailure(grpc::StatusCode::NOT_FOUND, "no such job", "JOB_NOT_FOUND", {{"job_id", request.job_id()}});
  };
  const Result<JobStatus> status = Connect(service).GetStatus("nö");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kNotFound);
  EXPECT_EQ(status.error().reason, "JOB_NOT_FOUND");
  EXPECT_THAT(status.error().metadata, ElementsAre(Pair("job_id", "nö")));
}

// client/service_config.json
TEST(Calls, AreTriedAgainAtMostTwiceWhileTheServiceIsUnavailable) {
  ScriptedService service;
  std::atomic<int> asked = 0;
  service.get_status = [&](const GetStatusRequest& request, GetStatusResponse& response) {
    if (++asked % 3 != 0) return grpc::Status(grpc::StatusCode::UNAVAILABLE, "not yet");
    *response.mutable_status() = MakeCompleted(request.job_id());
    return grpc::Status::OK;
  };
  service.list_backends = [&](const ListBackendsRequest&, ListBackendsResponse&) {
    ++asked;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "never");
  };
  const Client client = Connect(service);
  EXPECT_TRUE(client.GetStatus("a").has_value());
  EXPECT_EQ(asked, 3);
  const auto backends = client.ListBackends();
  ASSERT_FALSE(backends.has_value());
  EXPECT_EQ(backends.error().code, Code::kUnavailable);
  EXPECT_EQ(asked, 6);
}

TEST(Calls, ListStatusesPassesFiltersAndPages) {
  ScriptedService service;
  ListStatusesRequest got;
  service.list_statuses = [&](const ListStatusesRequest& request, ListStatusesResponse& response) {
    got = request;
    *response.add_statuses() = MakeCompleted("a");
    response.set_next_page_token("next");
    return grpc::Status::OK;
  };
  ListStatusesRequest request;
  request.add_states(JOB_STATE_COMPLETED);
  request.set_page_size(7);
  const Result<ListStatusesResponse> page = Connect(service).ListStatuses(request);
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->next_page_token(), "next");
  EXPECT_EQ(got.SerializeAsString(), request.SerializeAsString());
}

TEST(Calls, ListBackendsReturnsThemInTheirOrder) {
  ScriptedService service;
  service.list_backends = [](const ListBackendsRequest&, ListBackendsResponse& response) {
    response.add_backends()->set_name("z");
    response.add_backends()->set_name("a");
    return grpc::Status::OK;
  };
  const Result<ListBackendsResponse> backends = Connect(service).ListBackends();
  ASSERT_TRUE(backends.has_value());
  ASSERT_EQ(backends->backends_size(), 2);
  EXPECT_EQ(backends->backends(0).name(), "z");
}

TEST(Calls, WithoutTheTokenAreUnauthenticated) {
  ScriptedService service;
  service.token = "secret";
  service.list_backends = [](const ListBackendsRequest&, ListBackendsResponse&) { return grpc::Status::OK; };
  const Result<ListBackendsResponse> refused = Connect(service).ListBackends();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kUnauthenticated);
  EXPECT_EQ(Connect(service, "wrong").ListBackends().error().reason, "UNAUTHENTICATED");
  EXPECT_TRUE(Connect(service, "secret").ListBackends().has_value());
}

TEST(Calls, ToNobodyAreUnavailable) {
  ScriptedService service;
  service.Stop();
  const Result<JobStatus> status = Connect(service).GetStatus("j");
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kUnavailable);
  EXPECT_THAT(status.error().message, HasSubstr("Connection refused"));
}

TEST(Calls, OptionsThatMakeNoSenseAreRefusedAtOnce) {
  const auto message = [](ClientOptions options) { return Client::Create(std::move(options)).error().message; };
  EXPECT_THAT(message({.target = ""}), HasSubstr("empty"));
  EXPECT_THAT(message({.token = "line\nbreak"}), HasSubstr("printable ASCII"));
  EXPECT_THAT(message({.tls = true, .ca_file = "/no/such/file"}), HasSubstr("/no/such/file: No such file"));
  EXPECT_THAT(message({.tls = true, .cert_file = "cert.pem"}), HasSubstr("key"));
  EXPECT_THAT(message({.backoff = {.initial = 0ms}}), HasSubstr("back-off"));
}

}  // namespace
}  // namespace jobstatus
