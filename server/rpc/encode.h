#pragma once

#include <grpcpp/support/byte_buffer.h>

#include <cstdint>

#include "jobs/job.h"

namespace google::protobuf {
class MessageLite;
}

// Answers as bytes. What of a status is the same for all who get it is encoded once, and kept with it; what passes with
// time is put behind it, as protobuf reads messages that stand one behind the other as one.
namespace rpc {

// `observe_time`, `now`: as of ToProto.
grpc::ByteBuffer EncodeGetStatusResponse(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now);
grpc::ByteBuffer EncodeWatchStatusResponse(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now);

// A WatchStatusResponse without a status.
grpc::ByteBuffer EncodeHeartbeat(std::uint64_t revision);

// False: these are no bytes of such a message.
bool Decode(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message);

}  // namespace rpc
