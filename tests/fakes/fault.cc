#include "fakes/fault.h"

#include <utility>

namespace fakes {
namespace {

constexpr const char* kJson = "application/json; charset=utf-8";

}  // namespace

Fault Fault::Status(int status, std::string body, std::string content_type) {
  Fault fault;
  fault.answer_.status = status;
  fault.answer_.headers = {{"Content-Type", std::move(content_type)}};
  fault.answer_.body = std::move(body);
  return fault;
}

Fault Fault::Body(std::string body) {
  return Status(200, std::move(body), kJson);
}

Fault Fault::Hang() {
  Fault fault;
  fault.answer_.delivery.kind = Delivery::Kind::kHang;
  return fault;
}

Fault Fault::Drip(size_t bytes_per_step, std::chrono::milliseconds interval, std::string body) {
  Fault fault = Body(std::move(body));
  fault.answer_.delivery.kind = Delivery::Kind::kDrip;
  fault.answer_.delivery.step_bytes = bytes_per_step;
  fault.answer_.delivery.interval = interval;
  return fault;
}

Fault Fault::CloseBeforeAnswer() {
  Fault fault;
  fault.answer_.delivery.kind = Delivery::Kind::kCloseBeforeAnswer;
  return fault;
}

Fault Fault::CloseMidBody(std::string body) {
  Fault fault = Body(std::move(body));
  fault.answer_.delivery.kind = Delivery::Kind::kCloseMidBody;
  return fault;
}

Fault Fault::Redirect(std::string location, int status) {
  Fault fault = Status(status);
  fault.answer_.headers.emplace_back("Location", std::move(location));
  return fault;
}

Fault Fault::TooBig(uint64_t bytes) {
  Fault fault = Body("");
  fault.answer_.delivery.kind = Delivery::Kind::kStream;
  fault.answer_.delivery.stream_bytes = bytes;
  return fault;
}

}  // namespace fakes
