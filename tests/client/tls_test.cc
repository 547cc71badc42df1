#include <gmock/gmock.h>
#include <grpcpp/security/server_credentials.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "client/certificate.h"
#include "client/scripted_service.h"
#include "jobstatus/client.h"

namespace jobstatus {
namespace {

using namespace comfyui::jobstatus::v1;

class Tls : public testing::Test {
 protected:
  Tls() {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / "cert.pem") << certificate_.certificate;
    std::ofstream(folder_ / "key.pem") << certificate_.key;
  }
  ~Tls() override { std::filesystem::remove_all(folder_); }

  std::shared_ptr<grpc::ServerCredentials> Credentials(grpc_ssl_client_certificate_request_type ask) const {
    grpc::SslServerCredentialsOptions options(ask);
    options.pem_root_certs = certificate_.certificate;
    options.pem_key_cert_pairs.push_back({certificate_.key, certificate_.certificate});
    return grpc::SslServerCredentials(options);
  }

  static Result<ListBackendsResponse> Ask(ScriptedService& service, ClientOptions options) {
    service.list_backends = [](const ListBackendsRequest&, ListBackendsResponse&) { return grpc::Status::OK; };
    options.target = service.target();
    return Client::Create(std::move(options))->ListBackends();
  }

  std::filesystem::path folder_ = testing::TempDir() + "/jobstatus-tls-" + std::to_string(getpid());
  Certificate certificate_ = MakeCertificate();
};

TEST_F(Tls, WorksWithAnAuthorityOfOnesOwn) {
  ScriptedService service(Credentials(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
  const auto answer = Ask(service, {.tls = true, .ca_file = folder_ / "cert.pem"});
  EXPECT_TRUE(answer.has_value()) << answer.error().message;
}

TEST_F(Tls, RefusesAnAuthorityItDoesNotKnow) {
  ScriptedService service(Credentials(GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE));
  const auto answer = Ask(service, {.tls = true});
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, Code::kUnavailable);
}

TEST_F(Tls, ShowsItsOwnCertificateToAServiceThatAsks) {
  ScriptedService service(Credentials(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY));
  EXPECT_FALSE(Ask(service, {.tls = true, .ca_file = folder_ / "cert.pem"}).has_value());
  const auto answer = Ask(service, {.tls = true,
                                    .ca_file = folder_ / "cert.pem",
                                    .cert_file = folder_ / "cert.pem",
                                    .key_file = folder_ / "key.pem"});
  EXPECT_TRUE(answer.has_value()) << answer.error().message;
}

TEST_F(Tls, DoesNotSpeakToAServiceWithoutIt) {
  ScriptedService service;
  EXPECT_EQ(Ask(service, {.tls = true, .ca_file = folder_ / "cert.pem"}).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace jobstatus
