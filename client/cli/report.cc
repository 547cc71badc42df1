#include "cli/report.h"

#include <algorithm>
#include <string_view>

#include "cli/text.h"
#include "cli/words.h"

namespace jobstatus::cli {

using namespace comfyui::jobstatus::v1;

namespace {

constexpr int kTracebackFrames = 3;
constexpr std::string_view kIndent = "  ";

// Calls `line` with each line of a text that may have several, without those that are blank.
template <typename Line>
void EachLine(std::string_view text, const Line& line) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view one = text.substr(0, end);
    if (one.find_first_not_of(" \t\r") != std::string_view::npos) line(one);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

void AddLines(std::string_view prefix, std::string_view text, std::vector<std::string>& lines) {
  EachLine(text, [&](std::string_view line) {
    lines.push_back(std::string(prefix) + Escape(line.substr(0, line.find_last_not_of(" \t\r") + 1)));
  });
}

std::string Describe(const Output& output) {
  std::string line = std::string(kIndent) + "output " + EscapeField(output.ui_key()) + ": ";
  if (output.filename().empty()) return line + Escape(output.text());
  if (!output.subfolder().empty()) line += Escape(output.subfolder()) + "/";
  line += Escape(output.filename());
  if (!output.url().empty()) line += "  " + Escape(output.url());
  return line;
}

std::string Where(const JobError& error) {
  if (error.node_id().empty() && error.node_type().empty()) return "";
  if (error.node_type().empty()) return "in node " + Escape(error.node_id()) + ": ";
  if (error.node_id().empty()) return "in " + Escape(error.node_type()) + ": ";
  return "in " + Escape(error.node_type()) + " (node " + Escape(error.node_id()) + "): ";
}

}  // namespace

std::string PlainLine(const JobStatus& status) {
  std::string line = UtcTime(status.observe_time()) + " " + EscapeField(status.job_id()) + " " +
                     std::string(StateName(status.state()));
  if (status.state() == JOB_STATE_PROCESSING && status.has_progress()) {
    line += " " + std::to_string(WholePercent(status.progress().percentage())) + "%";
  }
  if (const std::string message = Message(status); !message.empty()) line += " " + message;
  if (!IsTerminal(status.state()) && !status.stale() && status.has_estimated_time_remaining()) {
    line += ", " + TimeLeft(std::chrono::seconds(status.estimated_time_remaining().seconds()));
  }
  if (status.stale()) line += " (stale: ComfyUI cannot be reached)";
  return line;
}

std::string Message(const JobStatus& status) {
  // The service's message is a line by itself, "queued, 3rd of 7"; here it stands beside the state.
  std::string_view message = status.message();
  const std::string_view state = StateName(status.state());
  if (message.starts_with(state)) {
    const std::string_view rest = message.substr(state.size());
    if (rest.empty() || rest.find_first_of(",: ") == 0)
      message = rest.substr(std::min(rest.size(), rest.find_first_not_of(",: ")));
  }
  return Escape(message);
}

std::string Ending(const JobStatus& status) {
  std::string message = Message(status);
  if (status.state() != JOB_STATE_COMPLETED) return message;
  // The service counts better: it may have left some out of the status.
  if (constexpr std::string_view kWith = "with "; message.starts_with(kWith)) return message.substr(kWith.size());
  if (!message.empty()) return message;
  return std::to_string(status.outputs_size()) + (status.outputs_size() == 1 ? " output" : " outputs");
}

std::vector<std::string> Details(const JobStatus& status) {
  std::vector<std::string> lines;
  if (!IsTerminal(status.state())) return lines;
  for (const Output& output : status.outputs()) lines.push_back(Describe(output));
  if (!status.has_error()) return lines;

  const JobError& error = status.error();
  std::string first = std::string(kIndent) + "error " + Where(error);
  if (!error.exception_type().empty()) first += Escape(error.exception_type()) + ": ";
  std::vector<std::string> message;
  AddLines("    ", error.message(), message);
  if (!message.empty()) {
    first += message.front().substr(4);
    message.erase(message.begin());
  }
  lines.push_back(std::move(first));
  lines.insert(lines.end(), message.begin(), message.end());
  const int frames = error.traceback_size();
  for (int i = std::max(0, frames - kTracebackFrames); i < frames; ++i) AddLines("    ", error.traceback(i), lines);
  return lines;
}

}  // namespace jobstatus::cli
