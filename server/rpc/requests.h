#pragma once

#include <grpcpp/support/status.h>

#include <cstdint>
#include <expected>
#include <set>
#include <string>

#include "board/board.h"
#include "jobs/job.h"

namespace comfyui::jobstatus::v1 {
class GetStatusRequest;
class ListStatusesRequest;
class WatchStatusRequest;
}  // namespace comfyui::jobstatus::v1

// From the contract's requests to our values, and what a bad argument is told.
namespace rpc {

namespace pb = comfyui::jobstatus::v1;

inline constexpr std::size_t kDefaultPageSize = 50;
inline constexpr std::size_t kMaxPageSize = 1000;
inline constexpr jobs::Duration kMaxWaitForJob = std::chrono::hours(24);

// Ok, or why the request is refused.
grpc::Status Check(const pb::GetStatusRequest& request, const board::Board& board);

struct Watch {
  board::Filter filter;
  std::uint64_t after_revision = 0;
  jobs::Duration min_interval{0};
  jobs::Duration wait_for_job{0};
};
std::expected<Watch, grpc::Status> Read(const pb::WatchStatusRequest& request, const board::Board& board,
                                        std::size_t max_ids);

struct List {
  std::string backend;
  std::set<jobs::JobState> states;
  std::size_t page_size = kDefaultPageSize;
  std::uint64_t before = 0;  // revision
};
std::expected<List, grpc::Status> Read(const pb::ListStatusesRequest& request, const board::Board& board,
                                       const std::string& page_token_key);

// The token for the page after one that ended with `last_revision`. Signed, together with what the list is of: one that
// was changed, or is of another list, is refused.
std::string PageToken(const List& list, std::uint64_t last_revision, const std::string& key);

}  // namespace rpc
