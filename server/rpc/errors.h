#pragma once

#include <grpcpp/support/status.h>

#include <string>
#include <string_view>

#include "board/waits.h"

// The one place where errors become grpc::Status, with the details the contract promises.
namespace rpc {

grpc::Status InvalidArgument(std::string_view field, std::string_view why);
grpc::Status Unreadable(std::string_view message);  // bytes that are none of that message
grpc::Status JobNotFound(std::string_view job_id, std::string_view backend);
grpc::Status BackendNotFound(std::string_view backend);
grpc::Status TooManyStreams(std::string_view service, std::size_t limit);  // of a service that answers everybody
grpc::Status TooManyWatches(std::size_t max_watches);
grpc::Status TooManyWatchesOfPeer(std::size_t max_watches_per_peer);
grpc::Status TooManyLookups(std::string_view job_id, jobs::Duration retry_after);
grpc::Status ShuttingDown();
grpc::Status Unauthenticated(bool has_token);  // the caller sent one that is wrong, or none
grpc::Status WriteStalled();
grpc::Status ConnectionOld();  // the caller is to connect anew

// A job that was not found, and a backend, or the archive, that could not be asked for it.
grpc::Status NotAsked(const board::NotAsked& not_asked, std::string_view job_id);

// What was asked for may be in the archive, which cannot be read. Why, is in the log: it is nothing for callers.
grpc::Status ArchiveUnreadable(std::string_view job_id);

}  // namespace rpc
