#include "rpc/encode.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/codegen/proto_buffer_reader.h>
#include <grpcpp/support/slice.h>

#include <cassert>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "comfyui/jobstatus/v1/job_status.pb.h"
#include "rpc/to_proto.h"

namespace rpc {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t kStatusTag =
    WireFormatLite::MakeTag(pb::GetStatusResponse::kStatusFieldNumber, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
static_assert(int{pb::GetStatusResponse::kStatusFieldNumber} == int{pb::WatchStatusResponse::kStatusFieldNumber});
constexpr std::uint32_t kRevisionTag =
    WireFormatLite::MakeTag(pb::WatchStatusResponse::kRevisionFieldNumber, WireFormatLite::WIRETYPE_VARINT);

std::size_t SizeOfRevision(std::uint64_t revision) {
  return CodedOutputStream::VarintSize32(kRevisionTag) + CodedOutputStream::VarintSize64(revision);
}

std::uint8_t* WriteRevision(std::uint64_t revision, std::uint8_t* at) {
  return CodedOutputStream::WriteVarint64ToArray(revision, CodedOutputStream::WriteVarint32ToArray(kRevisionTag, at));
}

// Of so many bytes, which `write` writes; it returns their end.
template <class Write>
grpc::ByteBuffer Buffer(std::size_t size, Write write) {
  const grpc_slice raw = grpc_slice_malloc(size);
  const grpc::Slice slice(raw, grpc::Slice::STEAL_REF);
  [[maybe_unused]] const std::uint8_t* const end = write(const_cast<std::uint8_t*>(slice.begin()));
  assert(end == slice.end());
  return {&slice, 1};
}

std::string EncodeLasting(const jobs::JobStatus& status) {
  pb::JobStatus message;
  LastingToProto(status, message);
  return message.SerializeAsString();
}

grpc::ByteBuffer Encode(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now,
                        std::optional<std::uint64_t> revision) {
  std::string own;
  const std::string_view lasting = status.encoded.Get([&] { return EncodeLasting(status); }, own);
  pb::JobStatus passing;
  PassingToProto(status, observe_time, now, passing);
  const std::size_t length = lasting.size() + passing.ByteSizeLong();
  const auto length32 = static_cast<std::uint32_t>(length);
  assert(length32 == length);  // protobuf's messages end at 2 GiB, ours far before
  const std::size_t size = CodedOutputStream::VarintSize32(kStatusTag) + CodedOutputStream::VarintSize32(length32) +
                           length + (revision ? SizeOfRevision(*revision) : 0);
  return Buffer(size, [&](std::uint8_t* at) {
    at = CodedOutputStream::WriteVarint32ToArray(kStatusTag, at);
    at = CodedOutputStream::WriteVarint32ToArray(length32, at);
    std::memcpy(at, lasting.data(), lasting.size());
    at = passing.SerializeWithCachedSizesToArray(at + lasting.size());
    return revision ? WriteRevision(*revision, at) : at;
  });
}

}  // namespace

grpc::ByteBuffer EncodeGetStatusResponse(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now) {
  return Encode(status, observe_time, now, std::nullopt);
}

grpc::ByteBuffer EncodeWatchStatusResponse(const jobs::JobStatus& status, jobs::Time observe_time, jobs::Time now) {
  return Encode(status, observe_time, now, status.revision);
}

grpc::ByteBuffer EncodeHeartbeat(std::uint64_t revision) {
  return Buffer(SizeOfRevision(revision), [&](std::uint8_t* at) { return WriteRevision(revision, at); });
}

bool Decode(const grpc::ByteBuffer& bytes, google::protobuf::MessageLite& message) {
  grpc::ByteBuffer shared(bytes);  // the reader wants one that it may change
  grpc::ProtoBufferReader reader(&shared);
  return reader.status().ok() && message.ParseFromZeroCopyStream(&reader);
}

}  // namespace rpc
