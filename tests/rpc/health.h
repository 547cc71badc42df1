#pragma once

#include <grpcpp/generic/generic_stub.h>

#include <memory>
#include <string>

// A caller of the standard grpc.health.v1.Health service.
class Health {
 public:
  enum class Serving { kNoAnswer, kServing, kNotServing, kUnknown };

  explicit Health(const std::string& address);

  Serving Check(const std::string& service);

 private:
  std::unique_ptr<grpc::GenericStub> stub_;
};
