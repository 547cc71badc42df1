#include "rpc/requests.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <charconv>
#include <limits>
#include <optional>

#include "comfyui/jobstatus/v1/job_status.pb.h"
#include "jobs/job_id.h"
#include "rpc/errors.h"

namespace rpc {
namespace {

std::optional<grpc::Status> BadBackend(const std::string& name, const board::Board& board) {
  if (name.empty() || board.HasBackend(name)) return std::nullopt;
  return BackendNotFound(name);
}

// Nothing when it is negative, or not what the protobuf specification calls a Duration.
std::optional<jobs::Duration> ReadSpan(const google::protobuf::Duration& span) {
  constexpr std::int64_t kMaxSeconds = 315'576'000'000;  // google/protobuf/duration.proto
  if (span.seconds() < 0 || span.seconds() > kMaxSeconds || span.nanos() < 0 || span.nanos() > 999'999'999)
    return std::nullopt;
  return std::chrono::seconds(span.seconds()) +
         std::chrono::duration_cast<jobs::Duration>(std::chrono::nanoseconds(span.nanos()));
}

std::optional<jobs::JobState> ReadState(int state) {
  switch (state) {
    case pb::JOB_STATE_QUEUED:
      return jobs::JobState::kQueued;
    case pb::JOB_STATE_PROCESSING:
      return jobs::JobState::kProcessing;
    case pb::JOB_STATE_COMPLETED:
      return jobs::JobState::kCompleted;
    case pb::JOB_STATE_FAILED:
      return jobs::JobState::kFailed;
    case pb::JOB_STATE_CANCELLED:
      return jobs::JobState::kCancelled;
    case pb::JOB_STATE_LOST:
      return jobs::JobState::kLost;
    default:
      return std::nullopt;
  }
}

std::string Hex(std::uint64_t value) {
  char text[16];
  return {text, std::to_chars(text, text + sizeof text, value, 16).ptr};
}

// HMAC-SHA256 over what a list is of and where its next page begins, cut to 128 bits.
std::string Signature(const List& list, std::uint64_t revision, const std::string& key) {
  std::string signed_text = Hex(revision) + "\n" + list.backend + "\n";
  for (const jobs::JobState state : list.states) signed_text += Hex(static_cast<std::uint64_t>(state)) + ",";
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(signed_text.data()), signed_text.size(), mac.data(), &size);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string signature;
  for (std::size_t i = 0; i < 16; ++i) (signature += kHex[mac[i] >> 4]) += kHex[mac[i] & 15];
  return signature;
}

std::optional<std::uint64_t> ReadToken(const List& list, const std::string& token, const std::string& key) {
  std::uint64_t revision = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), revision, 16);
  if (error != std::errc()) return std::nullopt;
  const std::string expected = PageToken(list, revision, key);
  if (token.size() != expected.size() || CRYPTO_memcmp(token.data(), expected.data(), token.size()) != 0)
    return std::nullopt;
  return revision;
}

}  // namespace

grpc::Status Check(const pb::GetStatusRequest& request, const board::Board& board) {
  if (const auto why = jobs::WhyUnusableJobId(request.job_id()); !why.empty()) return InvalidArgument("job_id", why);
  return BadBackend(request.backend(), board).value_or(grpc::Status::OK);
}

std::expected<Watch, grpc::Status> Read(const pb::WatchStatusRequest& request, const board::Board& board,
                                        std::size_t max_ids) {
  Watch watch;
  if (static_cast<std::size_t>(request.job_ids_size()) > max_ids) {
    return std::unexpected(InvalidArgument("job_ids", "must not name more than " + std::to_string(max_ids) + " jobs"));
  }
  for (const std::string& id : request.job_ids()) {
    if (const auto why = jobs::WhyUnusableJobId(id); !why.empty())
      return std::unexpected(InvalidArgument("job_ids", why));
    watch.filter.job_ids.insert(id);
  }
  if (const auto bad = BadBackend(request.backend(), board)) return std::unexpected(*bad);
  watch.filter.backend = request.backend();
  // A revision that is yet to be given out is of an earlier life of the service with a later clock; it says nothing of
  // this one.
  const std::uint64_t newest = board.NextAfter({}, std::numeric_limits<std::uint64_t>::max()).revision;
  watch.after_revision = request.after_revision() <= newest ? request.after_revision() : 0;
  const auto min_interval = ReadSpan(request.min_interval());
  if (!min_interval)
    return std::unexpected(InvalidArgument("min_interval", "must be a valid duration that is not negative"));
  const auto wait_for_job = ReadSpan(request.wait_for_job());
  if (!wait_for_job)
    return std::unexpected(InvalidArgument("wait_for_job", "must be a valid duration that is not negative"));
  watch.min_interval = *min_interval;
  watch.wait_for_job = std::min(*wait_for_job, kMaxWaitForJob);
  return watch;
}

std::expected<List, grpc::Status> Read(const pb::ListStatusesRequest& request, const board::Board& board,
                                       const std::string& page_token_key) {
  List list;
  if (const auto bad = BadBackend(request.backend(), board)) return std::unexpected(*bad);
  list.backend = request.backend();
  for (const int value : request.states()) {
    const auto state = ReadState(value);
    if (!state) return std::unexpected(InvalidArgument("states", "must name states other than JOB_STATE_UNSPECIFIED"));
    list.states.insert(*state);
  }
  if (request.page_size() < 0) return std::unexpected(InvalidArgument("page_size", "must not be negative"));
  if (request.page_size() > 0) list.page_size = std::min(static_cast<std::size_t>(request.page_size()), kMaxPageSize);
  list.before = std::numeric_limits<std::uint64_t>::max();
  if (!request.page_token().empty()) {
    const auto before = ReadToken(list, request.page_token(), page_token_key);
    if (!before) {
      return std::unexpected(InvalidArgument("page_token", "must be a next_page_token of the same backend and states"));
    }
    list.before = *before;
  }
  return list;
}

std::string PageToken(const List& list, std::uint64_t last_revision, const std::string& key) {
  return Hex(last_revision) + "-" + Signature(list, last_revision, key);
}

}  // namespace rpc
