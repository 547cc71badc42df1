#include "jobstatus/client.h"

#include <grpcpp/client_context.h>

#include <stop_token>
#include <string>
#include <utility>

#include "channel.h"
#include "error_details.h"
#include "running_watch.h"
#include "watch_loop.h"

namespace jobstatus {

using comfyui::jobstatus::v1::GetStatusRequest;
using comfyui::jobstatus::v1::GetStatusResponse;
using comfyui::jobstatus::v1::ListBackendsRequest;

struct Client::Connection {
  ClientOptions options;
  std::unique_ptr<Stub> stub;  // thread-safe

  template <typename Request, typename Response>
  Result<Response> Call(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                        const Request& request) const {
    grpc::ClientContext context;
    Authorize(options.token, context);
    context.set_deadline(std::chrono::system_clock::now() + options.call_timeout);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (!status.ok()) return std::unexpected(ToError(status));
    return response;
  }
};

Client::Client(std::shared_ptr<const Connection> connection) : connection_(std::move(connection)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

Result<Client> Client::Create(ClientOptions options) {
  Result<std::unique_ptr<Stub>> stub = OpenChannel(options);
  if (!stub) return std::unexpected(stub.error());
  return Client(std::make_shared<const Connection>(std::move(options), std::move(*stub)));
}

Result<JobStatus> Client::GetStatus(std::string_view job_id, std::string_view backend) const {
  GetStatusRequest request;
  request.set_job_id(std::string(job_id));
  request.set_backend(std::string(backend));
  Result<GetStatusResponse> response = connection_->Call(&Stub::GetStatus, request);
  if (!response) return std::unexpected(response.error());
  return std::move(*response->mutable_status());
}

Result<ListStatusesResponse> Client::ListStatuses(const ListStatusesRequest& request) const {
  return connection_->Call(&Stub::ListStatuses, request);
}

Result<ListBackendsResponse> Client::ListBackends() const {
  return connection_->Call(&Stub::ListBackends, ListBackendsRequest());
}

jobstatus::Watch Client::Watch(WatchRequest request, WatchEvents events) const {
  auto running = std::make_unique<jobstatus::Watch::Running>();
  running->thread = std::jthread([connection = connection_, request = std::move(request), events = std::move(events),
                                  &result = running->result](const std::stop_token& stop) {
    result = RunWatch(*connection->stub, connection->options, request, events, stop);
    if (events.on_end) events.on_end(result);
  });
  return jobstatus::Watch(std::move(running));
}

Result<JobStatus> Client::WaitForCompletion(std::string_view job_id, std::chrono::milliseconds timeout,
                                            std::string_view backend) const {
  std::stop_source enough;
  std::optional<JobStatus> last;
  WatchEvents events;
  events.on_status = [&](const JobStatus& status) {
    last = status;
    if (IsTerminal(status.state())) enough.request_stop();
  };
  WatchRequest request{.job_ids = {std::string(job_id)}, .backend = std::string(backend), .timeout = timeout};
  Result<void> end = RunWatch(*connection_->stub, connection_->options, std::move(request), events, enough.get_token());
  if (last && IsTerminal(last->state())) return std::move(*last);
  if (!end) return std::unexpected(std::move(end.error()));
  return std::unexpected(Error{.code = Code::kInternal,
                               .message = "the service ended the watch before the job ended",
                               .last_status = std::move(last)});
}

}  // namespace jobstatus
