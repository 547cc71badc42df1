#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <future>

#include "rpc/health.h"
#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;

constexpr const char* kToken = "the-token-of-this-test";

std::shared_ptr<const rpc::Tokens> Tokens(const std::string& text) {
  return std::make_shared<const rpc::Tokens>(rpc::Tokens::Parse(text).value());
}

class WhoMayCall : public testing::Test {
 protected:
  // How a call without a message in it ends, whichever method it is of.
  grpc::Status Call(const std::string& method, const std::string& authorization) const {
    const auto channel = grpc::CreateChannel(served.server->address(), grpc::InsecureChannelCredentials());
    grpc::GenericStub stub(channel);
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + 20s);
    if (!authorization.empty()) context.AddMetadata("authorization", authorization);
    const grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> ended;
    stub.UnaryCall(&context, method, {}, &request, &response,
                   [&](const grpc::Status& status) { ended.set_value(status); });
    return ended.get_future().get();
  }
  std::vector<std::string> Methods() const {
    const auto* service =
        google::protobuf::DescriptorPool::generated_pool()->FindServiceByName("comfyui.jobstatus.v1.JobStatusService");
    std::vector<std::string> methods;
    for (int i = 0; i < service->method_count(); ++i)
      methods.push_back("/" + service->full_name() + "/" + service->method(i)->name());
    return methods;
  }

  Served served{{.server = {.tokens = Tokens(kToken)}}};
};

TEST_F(WhoMayCall, EveryMethodRefusesWhoeverHasNoTokenOrAWrongOne) {
  ASSERT_GE(Methods().size(), 4u);
  for (const std::string& method : Methods()) {
    EXPECT_EQ(CodeAndReason(Call(method, "")), "UNAUTHENTICATED UNAUTHENTICATED") << method;
    EXPECT_EQ(CodeAndReason(Call(method, "Bearer not-the-token-of-this-test")), "UNAUTHENTICATED UNAUTHENTICATED")
        << method;
    if (method.ends_with("WatchStatus")) continue;  // which does not end for whoever may
    EXPECT_NE(Call(method, std::string("Bearer ") + kToken).error_code(), grpc::StatusCode::UNAUTHENTICATED) << method;
  }
}

TEST_F(WhoMayCall, HealthIsToldToEverybody) {
  EXPECT_EQ(Health(served.server->address()).Check(""), Health::Serving::kServing);
}

TEST_F(WhoMayCall, TokensThatAreReadAgainHoldFromTheNextCallOn) {
  const std::string list = Methods().back();
  served.server->SetTokens(Tokens("another-token-of-this-test"));
  EXPECT_EQ(Call(list, std::string("Bearer ") + kToken).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_TRUE(Call(list, "Bearer another-token-of-this-test").ok());
}

}  // namespace
