// The client of the ComfyUI Job Status Service.
//
//   auto client = jobstatus::Client::Create({.target = "gpu-box:50051"});
//   if (!client) return Complain(client.error());
//   auto status = client->WaitForCompletion(prompt_id, std::chrono::minutes(10));
//   if (status) for (const jobstatus::Output& output : status->outputs()) Fetch(output.url());
//
// From a client that polled ComfyUI itself: poll_status is GetStatus, wait_for_completion is WaitForCompletion,
// register_status_callback and poll_with_callback are Watch.
#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "jobstatus/client_options.h"
#include "jobstatus/error.h"
#include "jobstatus/messages.h"
#include "jobstatus/watch.h"

namespace jobstatus {

// One connection to one service. All calls are thread-safe and may run side by side. No call throws what the service or
// the network did; it returns an Error.
class Client {
 public:
  // Sends nothing yet: the connection is made by the first call. Fails (INVALID_ARGUMENT) when a certificate file
  // cannot be read or an option makes no sense.
  static Result<Client> Create(ClientOptions options);

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // The newest known status of one job. Tries again, a moment later and at most twice, while the service is
  // unavailable; that goes for the next two calls, too (client/service_config.json).
  Result<JobStatus> GetStatus(std::string_view job_id, std::string_view backend = {}) const;

  // One page of the statuses the service remembers, newest change first.
  Result<ListStatusesResponse> ListStatuses(const ListStatusesRequest& request) const;

  // The ComfyUI servers the service watches.
  Result<ListBackendsResponse> ListBackends() const;

  // Follows jobs until they end. Returns at once; everything else is told by the events.
  [[nodiscard]] jobstatus::Watch Watch(WatchRequest request, WatchEvents events) const;

  // Returns the status a job ends with. Survives the service going down meanwhile. After `timeout`, that included:
  // DEADLINE_EXCEEDED, with the last known status in Error::last_status.
  Result<JobStatus> WaitForCompletion(std::string_view job_id, std::chrono::milliseconds timeout,
                                      std::string_view backend = {}) const;

 private:
  struct Connection;
  explicit Client(std::shared_ptr<const Connection> connection);

  std::shared_ptr<const Connection> connection_;
};

}  // namespace jobstatus
