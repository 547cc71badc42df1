#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/generic/generic_stub.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/figures.h"
#include "bench/watchers.h"

namespace bench {

// A unary call, whose answer is not looked at.
struct Request {
  std::string method;
  std::string message;
};
Request GetStatusOf(const std::string& job_id);

// What bare servers answer with an empty message.
Request EmptyCall();

// The least that this server answers: that it serves.
Request HealthCheck();

// Unary calls over one connection.
class Calls {
 public:
  explicit Calls(const std::string& address);

  // Makes these, so many at once; returns how many a second. How long each took goes to `each`, unless it is null.
  // Throws std::runtime_error if one is not answered with OK.
  double Make(const std::vector<Request>& requests, std::size_t in_flight, Figures* each = nullptr);

 private:
  grpc::GenericStub stub_;
};

}  // namespace bench
