#include "cli/json.h"

#include <google/protobuf/util/json_util.h>

namespace jobstatus::cli {

std::string ToJsonLine(const google::protobuf::Message& message) {
  std::string line;
  // Only a timestamp or duration out of its range has no JSON form.
  if (!google::protobuf::util::MessageToJsonString(message, &line).ok())
    return R"({"jsonError":"a time is out of range"})";
  return line;
}

}  // namespace jobstatus::cli
