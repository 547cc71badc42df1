#include "rpc/reflection.h"

#include <atomic>
#include <mutex>
#include <optional>
#include <utility>

#include "google/rpc/error_details.pb.h"
#include "grpc/reflection/v1/reflection.grpc.pb.h"
#include "grpc/reflection/v1alpha/reflection.grpc.pb.h"
#include "rpc/errors.h"
#include "rpc/open_streams.h"

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

constexpr std::size_t kMaxRequestBytes = 1024;  // the answer repeats it

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

// One stream: reads a question, writes its answer, reads the next.
template <class Version>
class Stream final : public grpc::ServerBidiReactor<typename Version::Request, typename Version::Response>,
                     public std::enable_shared_from_this<Stream<Version>> {
 public:
  Stream(const Contract& contract, OpenStreams<Stream>& open) : contract_(contract), open_(open) {}

  void Start() {
    self_ = this->shared_from_this();
    this->StartRead(&request_);
  }

  // After the write under way, if there is one.
  void End(const grpc::Status& status) {
    {
      const std::lock_guard lock(mutex_);
      if (!end_) end_ = status;
    }
    GoOn([] {});
  }

  void OnReadDone(bool ok) override {
    if (!ok) return End(grpc::Status::OK);
    if (request_.ByteSizeLong() > kMaxRequestBytes) return End(InvalidArgument("message_request", "is too long"));
    response_.Clear();
    Answer(contract_, request_, response_);
    GoOn([this] {
      writing_ = true;
      this->StartWrite(&response_);
    });
  }
  void OnWriteDone(bool ok) override {
    {
      const std::lock_guard lock(mutex_);
      writing_ = false;
      if (!ok && !end_) end_ = grpc::Status::CANCELLED;
    }
    request_.Clear();
    GoOn([this] { this->StartRead(&request_); });
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    open_.Remove(self_);
    self_.reset();  // gRPC is done with it; the last of those who may still be ending it frees it
  }

 private:
  // Does what is next, unless the end is.
  template <class Next>
  void GoOn(Next next) {
    const auto self = this->shared_from_this();  // also when gRPC is done with it at once
    {
      const std::lock_guard lock(mutex_);
      if (finished_) return;
      if (!end_) return next();  // under the lock: the call must not be finished meanwhile
      if (writing_) return;
      finished_ = true;
    }
    this->Finish(*end_);
  }

  const Contract& contract_;
  OpenStreams<Stream>& open_;
  typename Version::Request request_;
  typename Version::Response response_;
  std::mutex mutex_;  // guards the three below
  bool writing_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> end_;
  std::shared_ptr<Stream> self_;  // until OnDone
};

// A stream that was refused: it only ends.
template <class Version>
class Refusal final : public grpc::ServerBidiReactor<typename Version::Request, typename Version::Response> {
 public:
  explicit Refusal(const grpc::Status& status) { this->Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

template <class Version>
class Reflection::Served final : public Version::Service::CallbackService {
 public:
  Served(const Contract& contract, std::size_t max_streams) : contract_(contract), open_(max_streams) {}

  grpc::ServerBidiReactor<typename Version::Request, typename Version::Response>* ServerReflectionInfo(
      grpc::CallbackServerContext*) override {
    const auto stream = std::make_shared<Stream<Version>>(contract_, open_);
    if (!open_.Add(stream)) return new Refusal<Version>(TooManyStreams("reflection", open_.max()));
    stream->Start();
    if (draining_) stream->End(ShuttingDown());
    return stream.get();
  }

  void Drain() {
    draining_ = true;
    for (const auto& stream : open_.All()) stream->End(ShuttingDown());
  }

 private:
  const Contract& contract_;
  std::atomic<bool> draining_ = false;
  OpenStreams<Stream<Version>> open_;
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

void Reflection::Drain() {
  v1_->Drain();
  v1alpha_->Drain();
}

}  // namespace rpc
