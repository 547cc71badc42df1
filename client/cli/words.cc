#include "cli/words.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>

#include "cli/text.h"

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;
using google::protobuf::util::TimeUtil;

namespace {

struct NamedState {
  JobState state;
  std::string_view name;
};

constexpr std::array<NamedState, 6> kStates = {{{JOB_STATE_QUEUED, "queued"},
                                                {JOB_STATE_PROCESSING, "processing"},
                                                {JOB_STATE_COMPLETED, "completed"},
                                                {JOB_STATE_FAILED, "failed"},
                                                {JOB_STATE_CANCELLED, "cancelled"},
                                                {JOB_STATE_LOST, "lost"}}};

std::string Ordinal(int number) {
  const int tens = number % 100 / 10;
  const int ones = number % 10;
  const char* const suffix = tens == 1 ? "th" : ones == 1 ? "st" : ones == 2 ? "nd" : ones == 3 ? "rd" : "th";
  return std::to_string(number) + suffix;
}

bool IsTime(const google::protobuf::Timestamp& time) {
  return time.seconds() != 0 && time.seconds() >= TimeUtil::kTimestampMinSeconds &&
         time.seconds() <= TimeUtil::kTimestampMaxSeconds;
}

}  // namespace

std::string_view StateName(JobState state) {
  const auto* const found = std::ranges::find(kStates, state, &NamedState::state);
  return found == kStates.end() ? "unknown" : found->name;  // of a newer service
}

std::optional<JobState> StateOfName(std::string_view name) {
  const auto* const found = std::ranges::find(kStates, name, &NamedState::name);
  if (found == kStates.end()) return std::nullopt;
  return found->state;
}

std::string PlaceInQueue(const QueuePlace& place) {
  return Ordinal(place.position()) + " of " + std::to_string(place.size());
}

std::string TimeLeft(std::chrono::seconds left) {
  const std::int64_t seconds = left.count();
  if (seconds < 10) return "a few seconds left";
  if (seconds < 55) return "about " + std::to_string((seconds + 4) / 5 * 5) + " s left";
  const std::int64_t minutes = (seconds + 30) / 60;
  if (minutes < 60) return "about " + std::to_string(minutes) + " min left";
  if (minutes < 24 * 60)
    return "about " + std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min left";
  return "more than a day left";
}

std::string Stopwatch(std::chrono::seconds elapsed) {
  const std::int64_t seconds = std::max<std::int64_t>(elapsed.count(), 0);
  std::array<char, 32> buffer;
  if (seconds < 3600) {
    std::snprintf(buffer.data(), buffer.size(), "%d:%02d", static_cast<int>(seconds / 60),
                  static_cast<int>(seconds % 60));
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%lld:%02d:%02d", static_cast<long long>(seconds / 3600),
                  static_cast<int>(seconds / 60 % 60), static_cast<int>(seconds % 60));
  }
  return buffer.data();
}

std::string UtcTime(const google::protobuf::Timestamp& time) {
  if (!IsTime(time)) return "-";
  const std::time_t seconds = time.seconds();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> date;
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 48> buffer;
  std::snprintf(buffer.data(), buffer.size(), "%s.%03dZ", date.data(), time.nanos() / 1'000'000);
  return buffer.data();
}

std::string Ago(const google::protobuf::Timestamp& time, std::chrono::system_clock::time_point now) {
  constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;
  if (!IsTime(time)) return "-";
  const std::int64_t seconds = std::chrono::system_clock::to_time_t(now) - time.seconds();
  if (seconds >= -kMinute && seconds < kDay) {  // the clocks of two computers differ a bit
    if (seconds < kMinute) return std::to_string(std::max<std::int64_t>(seconds, 0)) + "s ago";
    if (seconds < kHour) return std::to_string(seconds / kMinute) + "m ago";
    return std::to_string(seconds / kHour) + "h ago";
  }
  const std::time_t when = time.seconds();
  std::tm parts{};
  localtime_r(&when, &parts);
  std::array<char, 32> date;
  std::strftime(date.data(), date.size(), "%Y-%m-%d %H:%M", &parts);
  return date.data();
}

std::string CurrentNode(const Progress& progress) {
  if (!progress.has_current_node()) return "";
  const NodeProgress& node = progress.current_node();
  std::string text = node.node_type().empty() ? "node " + Escape(node.node_id()) : Escape(node.node_type());
  if (node.total_steps() > 0)
    text += " " + std::to_string(node.current_step()) + "/" + std::to_string(node.total_steps());
  return text;
}

int WholePercent(double percentage) {
  if (std::isnan(percentage)) return 0;
  return static_cast<int>(std::clamp(percentage, 0.0, 100.0));
}

}  // namespace jobstatus::cli
