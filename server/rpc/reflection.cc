#include "rpc/reflection.h"

#include <list>
#include <optional>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "rpc/errors.h"
#include "rpc/server_stream.h"

namespace rpc {

struct Reflection::V1 {
  using Service = grpc::reflection::v1::ServerReflection;
  using Request = grpc::reflection::v1::ServerReflectionRequest;
  using Response = grpc::reflection::v1::ServerReflectionResponse;
};

struct Reflection::V1Alpha {
  using Service = grpc::reflection::v1alpha::ServerReflection;
  using Request = grpc::reflection::v1alpha::ServerReflectionRequest;
  using Response = grpc::reflection::v1alpha::ServerReflectionResponse;
};

namespace {

constexpr std::size_t kMaxReflectionRequestBytes = 1024;  // the answer repeats it

template <class Response>
void NotFound(const std::string& what, Response& response) {
  response.mutable_error_response()->set_error_code(grpc::StatusCode::NOT_FOUND);
  response.mutable_error_response()->set_error_message(what);
}

template <class Response>
void TellFiles(std::vector<std::string> files, Response& response) {
  if (files.empty()) return NotFound("the contract has no such file, symbol or extension", response);
  for (std::string& file : files)
    response.mutable_file_descriptor_response()->add_file_descriptor_proto(std::move(file));
}

template <class Response>
void TellExtensions(const Contract& contract, const std::string& type, Response& response) {
  const std::optional<std::vector<int>> numbers = contract.ExtensionsOf(type);
  if (!numbers) return NotFound("the contract has no such type", response);
  auto& answer = *response.mutable_all_extension_numbers_response();
  answer.set_base_type_name(type);
  answer.mutable_extension_number()->Add(numbers->begin(), numbers->end());
}

template <class Request, class Response>
void Answer(const Contract& contract, const Request& request, Response& response) {
  response.set_valid_host(request.host());
  *response.mutable_original_request() = request;
  switch (request.message_request_case()) {
    case Request::kFileByFilename:
      return TellFiles(contract.File(request.file_by_filename()), response);
    case Request::kFileContainingSymbol:
      return TellFiles(contract.FileDeclaring(request.file_containing_symbol()), response);
    case Request::kFileContainingExtension:
      return TellFiles(contract.FileExtending(request.file_containing_extension().containing_type(),
                                              request.file_containing_extension().extension_number()),
                       response);
    case Request::kAllExtensionNumbersOfType:
      return TellExtensions(contract, request.all_extension_numbers_of_type(), response);
    case Request::kListServices:
      for (const std::string& name : contract.services())
        response.mutable_list_services_response()->add_service()->set_name(name);
      return;
    case Request::MESSAGE_REQUEST_NOT_SET:
      response.mutable_error_response()->set_error_code(grpc::StatusCode::INVALID_ARGUMENT);
      response.mutable_error_response()->set_error_message("the request asks for nothing that is known here");
      return;
  }
}

template <class Version>
using ReflectionWire = grpc::ServerAsyncReaderWriter<typename Version::Response, typename Version::Request>;

}  // namespace

// One version of the service, and its streams, which only the loop's thread touches.
template <class Version>
class Reflection::Served final : public Version::Service::AsyncService {
 public:
  Served(const Contract& contract, std::size_t max_streams) : contract_(contract), max_streams_(max_streams) {}

  void Start(Loop& loop) {
    loop_ = &loop;
    Await();
  }

  void Drain() {
    loop_->inbox()->Post([this] {
      draining_ = true;
      for (Stream& stream : streams_) stream.End(ShuttingDown());
    });
  }

 private:
  // Reads a question, writes its answer, reads the next.
  class Stream final : public ServerStream<ReflectionWire<Version>> {
   public:
    explicit Stream(Served& served) : served_(served) {
      grpc::ServerCompletionQueue& queue = served_.loop_->queue();
      served_.RequestServerReflectionInfo(&this->awaited_context(), &this->wire(), &queue, &queue, this->arrived_tag());
    }

    // After the write under way, if there is one. Nothing where there is no call yet.
    void End(const grpc::Status& status) {
      if (!has_come_ || this->is_finished()) return;
      if (!end_) end_ = status;
      if (!is_writing_) this->Finish(*end_);
    }

    typename std::list<Stream>::iterator place;  // in the list of all

   private:
    void OnArrived() override {
      has_come_ = true;
      served_.Await();
      if (served_.open_++ >= served_.max_streams_) return End(TooManyStreams("reflection", served_.max_streams_));
      if (served_.draining_) return End(ShuttingDown());
      this->Read(request_);
    }
    void OnRead(bool ok) override {
      if (!ok) return End(grpc::Status::OK);
      if (request_.ByteSizeLong() > kMaxReflectionRequestBytes)
        return End(InvalidArgument("message_request", "is too long"));
      response_.Clear();
      Answer(served_.contract_, request_, response_);
      is_writing_ = true;
      this->Write(response_);
    }
    void OnWritten(bool ok) override {
      is_writing_ = false;
      if (end_ || !ok) return End(grpc::Status::CANCELLED);
      request_.Clear();
      this->Read(request_);
    }
    void OnCancelled() override { End(grpc::Status::CANCELLED); }
    void OnOver() override {
      if (has_come_) --served_.open_;
      served_.streams_.erase(place);
    }

    Served& served_;
    typename Version::Request request_;
    typename Version::Response response_;
    bool has_come_ = false;
    bool is_writing_ = false;
    std::optional<grpc::Status> end_;
  };

  void Await() {
    streams_.emplace_front(*this);
    streams_.front().place = streams_.begin();
  }

  const Contract& contract_;
  const std::size_t max_streams_;
  Loop* loop_ = nullptr;
  std::list<Stream> streams_;  // those that are awaited, too
  std::size_t open_ = 0;
  bool draining_ = false;
};

namespace {

std::vector<std::string> WithReflection(std::vector<std::string> services) {
  services.insert(services.end(), {grpc::reflection::v1::ServerReflection::service_full_name(),
                                   grpc::reflection::v1alpha::ServerReflection::service_full_name()});
  return services;
}

}  // namespace

Reflection::Reflection(std::vector<std::string> services, std::size_t max_streams)
    : contract_(WithReflection(std::move(services)), {google::rpc::ErrorInfo::descriptor()->full_name()}),
      v1_(std::make_unique<Served<V1>>(contract_, max_streams)),
      v1alpha_(std::make_unique<Served<V1Alpha>>(contract_, max_streams)) {}

Reflection::~Reflection() = default;

std::vector<grpc::Service*> Reflection::services() {
  return {v1_.get(), v1alpha_.get()};
}

void Reflection::Start(Loop& loop) {
  v1_->Start(loop);
  v1alpha_->Start(loop);
}

void Reflection::Drain() {
  v1_->Drain();
  v1alpha_->Drain();
}

}  // namespace rpc
