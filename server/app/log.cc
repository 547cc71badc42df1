#include "app/log.h"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <chrono>

namespace app {
namespace {

constexpr auto kText = "%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v";
constexpr auto kJson = R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l",%v})";

// RFC 8259. Bytes that are no UTF-8 are not looked for: what is logged of others' texts has passed jobs::OneLine.
std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      quoted += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      quoted += c;
    }
  }
  return quoted + '"';
}

spdlog::level::level_enum Of(Log::Level level) {
  switch (level) {
    case Log::Level::kDebug:
      return spdlog::level::debug;
    case Log::Level::kInfo:
      return spdlog::level::info;
    case Log::Level::kWarn:
      return spdlog::level::warn;
    case Log::Level::kError:
      break;
  }
  return spdlog::level::err;
}

jobs::Steady Now() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::steady_clock::now());
}

}  // namespace

std::string JsonMembers(std::string_view event, std::string_view sentence, Log::Fields fields, std::uint64_t left_out) {
  std::string members = fmt::format("\"event\":{},\"message\":{}", Quoted(event), Quoted(sentence));
  for (const auto& [name, value] : fields) {
    if (!value.empty()) members += fmt::format(",{}:{}", Quoted(name), Quoted(value));
  }
  if (left_out > 0) members += fmt::format(",\"left_out\":{}", left_out);
  return members;
}

Log::Log(std::string_view format, const std::string& level)
    : json_(format == "json" || (format == "auto" && isatty(STDERR_FILENO) == 0)),
      logger_(std::make_unique<spdlog::logger>("jobstatus", std::make_shared<spdlog::sinks::stderr_color_sink_mt>())) {
  logger_->set_pattern(json_ ? kJson : kText);
  logger_->set_level(spdlog::level::from_str(level));
}

Log::~Log() = default;

void Log::Write(Level level, std::string_view event, std::string_view sentence, Fields fields) {
  if (logger_->should_log(Of(level))) Put(level, event, sentence, fields, 0);
}

void Log::WriteSparingly(Level level, std::string_view event, std::string_view sentence, Fields fields) {
  if (!logger_->should_log(Of(level))) return;
  std::optional<std::uint64_t> left_out;
  {
    const std::lock_guard lock(mutex_);
    left_out = budget_.Take(event, Now());
  }
  if (left_out) Put(level, event, sentence, fields, *left_out);
}

void Log::Put(Level level, std::string_view event, std::string_view sentence, Fields fields, std::uint64_t left_out) {
  if (json_) {
    logger_->log(Of(level), "{}", JsonMembers(event, sentence, fields, left_out));
  } else if (left_out > 0) {
    logger_->log(Of(level), "{} ({} more like it were left out)", sentence, left_out);
  } else {
    logger_->log(Of(level), "{}", sentence);
  }
}

}  // namespace app
