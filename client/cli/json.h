#pragma once

#include <google/protobuf/message.h>

#include <string>

namespace jobstatus::cli {

// The message as one line of proto3's canonical JSON: lowerCamelCase names, enums by name, 64-bit numbers as strings,
// what is zero or empty left out.
std::string ToJsonLine(const google::protobuf::Message& message);

}  // namespace jobstatus::cli
