#pragma once

#include <grpcpp/impl/codegen/service_type.h>

#include <memory>
#include <string>
#include <vector>

#include "rpc/contract.h"
#include "rpc/loop.h"

namespace rpc {

// Server reflection, by which tools such as grpcurl learn the contract, in both versions that they ask for. Answers
// everybody, also without a token: the contract is public, and nothing else is told.
//
// gRPC's own plug-in (1.51) has a thread for each open stream, holds up the end of the server as long as one is open,
// knows the older version only, and tells of everything that is linked in.
class Reflection {
 public:
  // Tells of `services` and of itself; at most `max_streams` at once, in each version.
  Reflection(std::vector<std::string> services, std::size_t max_streams);
  ~Reflection();

  // To be registered; they must outlive the server.
  std::vector<grpc::Service*> services();

  // Awaits calls, by the server that has started. The loop must end before this does.
  void Start(Loop& loop);

  // Ends all streams with UNAVAILABLE.
  void Drain();

 private:
  template <class Version>
  class Served;
  struct V1;
  struct V1Alpha;

  const Contract contract_;
  const std::unique_ptr<Served<V1>> v1_;
  const std::unique_ptr<Served<V1Alpha>> v1alpha_;
};

}  // namespace rpc
