#pragma once

#include <string>
#include <string_view>

namespace jobstatus {

// The target as gRPC wants it: with the service's port where none is given (gRPC would take 443).
std::string CompleteTarget(std::string_view target);

}  // namespace jobstatus
