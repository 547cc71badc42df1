#pragma once

#include <grpcpp/client_context.h>

#include <memory>
#include <optional>
#include <string>

#include "grpc/health/v1/health.grpc.pb.h"

// A caller of the standard grpc.health.v1.Health service. Each call fails rather than wait for more than 20 s.
class Health {
 public:
  enum class Serving { kNoAnswer, kServing, kNotServing, kUnknown };

  explicit Health(const std::string& address);

  Serving Check(const std::string& service);
  grpc::health::v1::HealthListResponse List();

  // One Watch.
  class Watch {
   public:
    Watch(grpc::health::v1::Health::Stub& stub, const std::string& service);
    ~Watch();

    Serving Read();  // kNoAnswer: there is no more
    grpc::Status Finish();

   private:
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientReader<grpc::health::v1::HealthCheckResponse>> reader_;
    bool finished_ = false;
  };
  std::unique_ptr<Watch> StartWatch(const std::string& service);

 private:
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
};
