#include "cli/table.h"

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>

#include "cli/report.h"
#include "cli/segments.h"
#include "cli/text.h"
#include "cli/words.h"

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;
using std::chrono::system_clock;

namespace {

constexpr std::size_t kPromptIdWidth = 36;
constexpr std::size_t kWidestId = 64;  // a column as wide as the longest id possible would leave no room for the others

struct Row {
  std::vector<Segment> cells;
  std::vector<Segment> message;
};

std::string When(const JobStatus& status, system_clock::time_point now) {
  switch (status.state()) {
    case JOB_STATE_QUEUED:
      return Ago(status.create_time(), now);
    case JOB_STATE_PROCESSING:
      return Ago(status.start_time(), now);
    case JOB_STATE_CANCELLED:
    case JOB_STATE_LOST:
      // ComfyUI records no end of a job that it forgot; that was noticed at observe_time.
      return Ago(status.has_end_time() ? status.end_time() : status.observe_time(), now);
    default:
      return Ago(status.end_time(), now);
  }
}

std::string HowFar(const JobStatus& status) {
  if (status.has_queue()) return PlaceInQueue(status.queue());
  if (status.state() == JOB_STATE_PROCESSING && status.has_progress()) {
    const std::string node = CurrentNode(status.progress());
    return std::to_string(WholePercent(status.progress().percentage())) + "%" + (node.empty() ? "" : " " + node);
  }
  return status.stale() ? "" : Ending(status);  // the message of a stale one says no more than that
}

std::vector<Segment> MessageOf(const JobStatus& status, const Style& style) {
  std::vector<Segment> segments;
  const char* const separator = style.unicode ? " · " : ", ";
  const auto add = [&](const std::string& text, std::string_view color) {
    if (!text.empty()) segments.push_back({(segments.empty() ? "" : separator) + text, color});
  };
  if (status.stale()) add("stale", kYellow);
  add(HowFar(status), kPlain);
  if (!IsTerminal(status.state()) && !status.stale() && status.has_estimated_time_remaining())
    add(TimeLeft(std::chrono::seconds(status.estimated_time_remaining().seconds())), kDim);
  if (segments.empty()) segments.push_back({"-", kPlain});
  return segments;
}

Row Header(const Style& style) {
  Row row{.cells = {{"JOB", kBold}}, .message = {{"MESSAGE", kBold}}};
  if (style.name_backend) row.cells.push_back({"BACKEND", kBold});
  row.cells.push_back({"STATE", kBold});
  row.cells.push_back({"WHEN", kBold});
  return row;
}

Row RowOf(const JobStatus& status, system_clock::time_point now, const Style& style) {
  Row row{.cells = {{EscapeField(status.job_id()), kPlain}}, .message = MessageOf(status, style)};
  if (style.name_backend) row.cells.push_back({EscapeField(status.backend()), kPlain});
  row.cells.push_back({std::string(StateName(status.state())), ColorOf(status.state())});
  row.cells.push_back({When(status, now), kPlain});
  return row;
}

std::string Render(Row row, const std::vector<std::size_t>& widths, const Style& style) {
  const std::size_t width = std::max(style.width, DisplayWidth(row.cells.front().text));
  for (std::size_t i = 0; i < row.cells.size(); ++i)
    row.cells[i].text = Pad(std::move(row.cells[i].text), widths[i]) + "  ";
  row.cells.insert(row.cells.end(), row.message.begin(), row.message.end());
  return Join(row.cells, width, style.color) + "\n";
}

}  // namespace

std::string Table::Rows(const google::protobuf::RepeatedPtrField<JobStatus>& jobs, system_clock::time_point now,
                        const Style& style) {
  std::vector<Row> rows;
  if (widths_.empty()) rows.push_back(Header(style));
  for (const JobStatus& job : jobs) rows.push_back(RowOf(job, now, style));
  const std::size_t widest_id = std::clamp(style.width / 2, kPromptIdWidth, kWidestId);
  for (const Row& row : rows) {
    widths_.resize(row.cells.size());
    for (std::size_t i = 0; i < row.cells.size(); ++i) {
      const std::size_t most = i == 0 ? widest_id : std::numeric_limits<std::size_t>::max();
      const std::size_t width = DisplayWidth(row.cells[i].text);
      if (width <= most) widths_[i] = std::max(widths_[i], width);
    }
  }
  std::string text;
  for (Row& row : rows) text += Render(std::move(row), widths_, style);
  return text;
}

}  // namespace jobstatus::cli
