#include "cli/exit_code.h"

#include <algorithm>
#include <array>

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;

ExitCode ExitCodeOf(JobState state) {
  switch (state) {
    case JOB_STATE_FAILED:
      return ExitCode::kFailed;
    case JOB_STATE_CANCELLED:
    case JOB_STATE_LOST:
      return ExitCode::kCancelled;
    default:
      return ExitCode::kOk;
  }
}

ExitCode ExitCodeOf(Serving serving) {
  switch (serving) {
    case Serving::kServing:
      return ExitCode::kOk;
    case Serving::kNotServing:
      return ExitCode::kUnavailable;
    case Serving::kServiceUnknown:
      return ExitCode::kNotFound;
    default:
      return ExitCode::kOther;
  }
}

ExitCode ExitCodeOf(const Error& error) {
  switch (error.code) {
    case Code::kInvalidArgument:
      return ExitCode::kUsage;
    case Code::kNotFound:
      return ExitCode::kNotFound;
    case Code::kUnavailable:
      return ExitCode::kUnavailable;
    case Code::kDeadlineExceeded:
      return ExitCode::kTimeout;
    default:
      return ExitCode::kOther;
  }
}

ExitCode Worse(ExitCode one, ExitCode other) {
  constexpr std::array kFromBad = {ExitCode::kUsage,    ExitCode::kOther,  ExitCode::kUnavailable, ExitCode::kTimeout,
                                   ExitCode::kNotFound, ExitCode::kFailed, ExitCode::kCancelled,   ExitCode::kOk};
  return std::min(one, other, [&](ExitCode a, ExitCode b) {
    return std::ranges::find(kFromBad, a) < std::ranges::find(kFromBad, b);
  });
}

}  // namespace jobstatus::cli
