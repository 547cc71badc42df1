#pragma once

#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include "app/log_budget.h"

namespace spdlog {
class logger;
}

namespace app {

// The log on stderr: one line for each event that matters. Thread-safe. Must live until no thread logs any more.
class Log {
 public:
  enum class Level { kDebug, kInfo, kWarn, kError };

  // What it is about, for programs: names and values. A sentence says all that a person must know without them.
  using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // The words are those of --log-format and --log-level.
  Log(std::string_view format, const std::string& level);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  // `event` names the kind of event, in snake_case, for those who filter.
  void Write(Level level, std::string_view event, std::string_view sentence, Fields fields = {});

  // The same for what may come in floods: of one kind fifty lines are written at once, then ten a second; the next one
  // says how many were left out.
  void WriteSparingly(Level level, std::string_view event, std::string_view sentence, Fields fields = {});

  void Debug(std::string_view event, std::string_view sentence, Fields fields = {}) {
    Write(Level::kDebug, event, sentence, fields);
  }
  void Info(std::string_view event, std::string_view sentence, Fields fields = {}) {
    Write(Level::kInfo, event, sentence, fields);
  }
  void Warn(std::string_view event, std::string_view sentence, Fields fields = {}) {
    Write(Level::kWarn, event, sentence, fields);
  }
  void Error(std::string_view event, std::string_view sentence, Fields fields = {}) {
    Write(Level::kError, event, sentence, fields);
  }

 private:
  void Put(Level level, std::string_view event, std::string_view sentence, Fields fields, std::uint64_t left_out);

  const bool json_;
  const std::unique_ptr<spdlog::logger> logger_;
  std::mutex mutex_;  // guards budget_
  LogBudget budget_{50, 10};
};

// The members of a JSON object, without the braces: what a line of the format "json" has behind time and level.
std::string JsonMembers(std::string_view event, std::string_view sentence, Log::Fields fields, std::uint64_t left_out);

}  // namespace app
