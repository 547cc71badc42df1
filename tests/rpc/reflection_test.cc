#include <gmock/gmock.h>
#include <google/protobuf/descriptor.pb.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <set>

#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "rpc/served.h"

namespace {

using namespace std::chrono_literals;
using testing::Contains;
using testing::IsSupersetOf;

constexpr const char* kService = "comfyui.jobstatus.v1.JobStatusService";

struct V1 {
  using Service = grpc::reflection::v1::ServerReflection;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};
struct V1Alpha {
  using Service = grpc::reflection::v1alpha::ServerReflection;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

// One stream of questions and answers.
template <class Version>
class Asking {
 public:
  explicit Asking(const std::string& address)
      : stub_(Version::Service::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))) {
    context_.set_deadline(std::chrono::system_clock::now() + 20s);
    stream_ = stub_->ServerReflectionInfo(&context_);
  }

  typename Version::Response Ask(void (*what)(typename Version::Request&)) {
    typename Version::Request request;
    what(request);
    typename Version::Response response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

  grpc::Status Finish() { return stream_->Finish(); }

  auto& stream() { return *stream_; }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<typename Version::Service::Stub> stub_;
  std::unique_ptr<grpc::ClientReaderWriter<typename Version::Request, typename Version::Response>> stream_;
};

template <class Version>
class Reflection : public testing::Test {
 protected:
  using Request = typename Version::Request;
  Served served;
};

using Versions = testing::Types<V1, V1Alpha>;
TYPED_TEST_SUITE(Reflection, Versions);

template <class Response>
std::map<std::string, google::protobuf::FileDescriptorProto> FilesOf(const Response& response) {
  std::map<std::string, google::protobuf::FileDescriptorProto> files;
  for (const std::string& serialized : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    EXPECT_TRUE(file.ParseFromString(serialized));
    files[file.name()] = file;
  }
  return files;
}

TYPED_TEST(Reflection, ListsEveryServiceThatTheServerHas) {
  Asking<TypeParam> asking(this->served.server->address());
  const auto response = asking.Ask([](auto& request) { request.set_list_services("*"); });
  std::set<std::string> names;
  for (const auto& service : response.list_services_response().service()) names.insert(service.name());
  EXPECT_THAT(names, testing::ElementsAre(kService, "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                          "grpc.reflection.v1alpha.ServerReflection"));
  asking.stream().WritesDone();
  EXPECT_TRUE(asking.Finish().ok());
}

TYPED_TEST(Reflection, TellsTheFileOfAServiceWithAllThatItNeeds) {
  Asking<TypeParam> asking(this->served.server->address());
  const auto files = FilesOf(asking.Ask([](auto& request) { request.set_file_containing_symbol(kService); }));
  ASSERT_THAT(files, Contains(testing::Key("comfyui/jobstatus/v1/job_status.proto")));
  const auto& contract = files.at("comfyui/jobstatus/v1/job_status.proto");
  ASSERT_EQ(contract.service_size(), 1);
  EXPECT_EQ(contract.service(0).name(), "JobStatusService");
  EXPECT_EQ(contract.service(0).method_size(), 4);
  for (const auto& [name, file] : files) {
    for (const std::string& import : file.dependency()) EXPECT_TRUE(files.contains(import)) << name << ": " << import;
  }
}

TYPED_TEST(Reflection, FindsAFileByItsNameAndByWhatItDeclares) {
  Asking<TypeParam> asking(this->served.server->address());
  const auto by_name =
      asking.Ask([](auto& request) { request.set_file_by_filename("comfyui/jobstatus/v1/job_status.proto"); });
  EXPECT_FALSE(FilesOf(by_name).empty());
  const auto by_type =
      asking.Ask([](auto& request) { request.set_file_containing_symbol("comfyui.jobstatus.v1.JobStatus"); });
  EXPECT_FALSE(FilesOf(by_type).empty());
  const auto by_method = asking.Ask(
      [](auto& request) { request.set_file_containing_symbol("comfyui.jobstatus.v1.JobStatusService.GetStatus"); });
  EXPECT_FALSE(FilesOf(by_method).empty());
  EXPECT_EQ(by_method.original_request().file_containing_symbol(), "comfyui.jobstatus.v1.JobStatusService.GetStatus");
}

TYPED_TEST(Reflection, TellsTheDetailsOfErrors) {
  Asking<TypeParam> asking(this->served.server->address());
  for (const auto& files : {
           FilesOf(asking.Ask([](auto& request) { request.set_file_containing_symbol("google.rpc.ErrorInfo"); })),
           FilesOf(asking.Ask([](auto& request) { request.set_file_containing_symbol("google.rpc.RetryInfo"); })),
           FilesOf(asking.Ask([](auto& request) { request.set_file_containing_symbol("google.rpc.BadRequest"); })),
       }) {
    EXPECT_FALSE(files.empty());
  }
}

TYPED_TEST(Reflection, TellsNothingThatIsNotOfTheContract) {
  Asking<TypeParam> asking(this->served.server->address());
  // It is linked in, as part of Protobuf.
  ASSERT_NE(google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName("google.protobuf.StringValue"),
            nullptr);
  const auto other =
      asking.Ask([](auto& request) { request.set_file_containing_symbol("google.protobuf.StringValue"); });
  EXPECT_EQ(other.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  const auto none = asking.Ask([](auto& request) { request.set_file_by_filename("no/such.proto"); });
  EXPECT_EQ(none.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  const auto nothing = asking.Ask([](auto&) {});
  EXPECT_EQ(nothing.error_response().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TYPED_TEST(Reflection, TellsTheNamesOfFieldsInJsonAsProtocDoes) {
  Asking<TypeParam> asking(this->served.server->address());
  const auto files = FilesOf(asking.Ask([](auto& request) { request.set_file_containing_symbol(kService); }));
  const auto& request = files.at("comfyui/jobstatus/v1/job_status.proto").message_type(0);
  EXPECT_EQ(request.field(0).name(), "job_id");
  EXPECT_EQ(request.field(0).json_name(), "jobId");
}

TYPED_TEST(Reflection, KnowsWhatTheContractExtends) {
  Asking<TypeParam> asking(this->served.server->address());
  constexpr int kHttp = 72295728;  // google.api.http
  const auto of_calls =
      asking.Ask([](auto& request) { request.set_all_extension_numbers_of_type("google.protobuf.MethodOptions"); });
  EXPECT_THAT(of_calls.all_extension_numbers_response().extension_number(), testing::ElementsAre(kHttp));
  const auto http = asking.Ask([](auto& request) {
    request.mutable_file_containing_extension()->set_containing_type("google.protobuf.MethodOptions");
    request.mutable_file_containing_extension()->set_extension_number(kHttp);
  });
  EXPECT_THAT(FilesOf(http), Contains(testing::Key("google/api/annotations.proto")));
  const auto all =
      asking.Ask([](auto& request) { request.set_all_extension_numbers_of_type("comfyui.jobstatus.v1.JobStatus"); });
  EXPECT_EQ(all.all_extension_numbers_response().base_type_name(), "comfyui.jobstatus.v1.JobStatus");
  EXPECT_EQ(all.all_extension_numbers_response().extension_number_size(), 0);
  const auto unknown = asking.Ask([](auto& request) { request.set_all_extension_numbers_of_type("no.Type"); });
  EXPECT_EQ(unknown.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  const auto one = asking.Ask([](auto& request) {
    request.mutable_file_containing_extension()->set_containing_type("google.protobuf.MethodOptions");
    request.mutable_file_containing_extension()->set_extension_number(kHttp + 1);
  });
  EXPECT_EQ(one.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
}

TYPED_TEST(Reflection, EndsAStreamThatAsksForTooMuch) {
  Asking<TypeParam> asking(this->served.server->address());
  typename TypeParam::Request request;
  request.set_file_containing_symbol(std::string(100'000, 'x'));
  EXPECT_TRUE(asking.stream().Write(request));
  EXPECT_EQ(CodeAndReason(asking.Finish()), "INVALID_ARGUMENT INVALID_ARGUMENT");
}

TYPED_TEST(Reflection, DoesNotHoldUpTheEndOfTheServer) {
  Asking<TypeParam> asking(this->served.server->address());
  asking.Ask([](auto& request) { request.set_list_services(""); });
  this->served.server->Stop(1h);  // returns when nothing is left, so that an hour's grace would be noticed
  EXPECT_EQ(CodeAndReason(asking.Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TYPED_TEST(Reflection, EndsAStreamThatBeginsBehindTheDrain) {
  this->served.server->Drain();
  Asking<TypeParam> asking(this->served.server->address());
  EXPECT_EQ(CodeAndReason(asking.Finish()), "UNAVAILABLE SHUTTING_DOWN");
}

TYPED_TEST(Reflection, RefusesTooManyStreams) {
  std::vector<std::unique_ptr<Asking<TypeParam>>> open;
  for (int i = 0; i < 100; ++i) {
    open.push_back(std::make_unique<Asking<TypeParam>>(this->served.server->address()));
    open.back()->Ask([](auto& request) { request.set_list_services(""); });
  }
  Asking<TypeParam> one_more(this->served.server->address());
  EXPECT_EQ(CodeAndReason(one_more.Finish()), "RESOURCE_EXHAUSTED TOO_MANY_WATCHES");
}

TYPED_TEST(Reflection, IsNotThereWhenItIsTurnedOff) {
  Served without({.server = {.reflection = false}});
  Asking<TypeParam> asking(without.server->address());
  EXPECT_EQ(asking.Finish().error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
