#include "cli/segments.h"

#include "cli/text.h"

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;

std::string_view ColorOf(JobState state) {
  switch (state) {
    case JOB_STATE_PROCESSING:
      return kCyan;
    case JOB_STATE_COMPLETED:
      return kGreen;
    case JOB_STATE_FAILED:
      return kRed;
    case JOB_STATE_CANCELLED:
    case JOB_STATE_LOST:
      return kYellow;
    default:
      return kPlain;
  }
}

std::string Join(std::span<const Segment> segments, std::size_t width, bool color) {
  std::string line;
  std::size_t room = width;
  for (const Segment& segment : segments) {
    const std::string text = Clip(segment.text, room);
    if (color && !segment.color.empty() && !text.empty()) {
      line += "\x1b[" + std::string(segment.color) + "m" + text + "\x1b[0m";
    } else {
      line += text;
    }
    if (text.size() < segment.text.size()) break;
    room -= DisplayWidth(text);
  }
  return line;
}

}  // namespace jobstatus::cli
