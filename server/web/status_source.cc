#include "web/status_source.h"

#include <mutex>
#include <utility>
#include <vector>

#include "web/status_json.h"

namespace web {
namespace {

// More than this wait in no queue that a person would read to the end.
constexpr std::size_t kMostUnfinished = 10'000;

jobs::Steady SteadyNow() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::steady_clock::now());
}

}  // namespace

struct StatusSource::Shared {
  explicit Shared(const board::Board& given) : board(given) {}

  const board::Board& board;
  std::mutex mutex;  // guards the rest
  std::shared_ptr<const std::string> json;
  jobs::Steady made_at;
  std::vector<std::function<void(std::shared_ptr<const std::string>)>> waiting;  // for what is being made
};

StatusSource::StatusSource(const board::Board& board) : shared_(std::make_shared<Shared>(board)) {}

StatusSource::~StatusSource() = default;

void StatusSource::Get(std::function<void(std::shared_ptr<const std::string>)> done) {
  Shared& shared = *shared_;
  std::shared_ptr<const std::string> fresh;
  {
    const std::lock_guard lock(shared.mutex);
    if (shared.json && SteadyNow() < shared.made_at + kHolds) {
      fresh = shared.json;
    } else {
      shared.waiting.push_back(std::move(done));
      if (shared.waiting.size() > 1) return;  // it is being made
    }
  }
  if (fresh) return done(std::move(fresh));

  using jobs::JobState;
  auto shown = std::make_shared<Shown>();
  shown->now = std::chrono::time_point_cast<jobs::Duration>(std::chrono::system_clock::now());
  shown->backends = shared.board.Backends();
  // All of these are in memory, so that the answer comes at once.
  shared.board.List({.states = {JobState::kQueued, JobState::kProcessing}, .limit = kMostUnfinished},
                    [&](const board::Board::Listed& listed) {
                      for (const auto& sighted : listed.value()) shown->unfinished.push_back(sighted.snapshot);
                    });
  shared.board.List(
      {.states = {JobState::kCompleted, JobState::kFailed, JobState::kCancelled, JobState::kLost}, .limit = kMostEnded},
      [self = shared_, shown](const board::Board::Listed& listed) {
        std::shared_ptr<const std::string> json;
        if (listed) {
          for (const auto& sighted : *listed) shown->ended.push_back(sighted.snapshot);
          json = std::make_shared<const std::string>(StatusJson(*shown));
        }
        std::vector<std::function<void(std::shared_ptr<const std::string>)>> waiting;
        {
          const std::lock_guard lock(self->mutex);
          self->json = json;
          self->made_at = SteadyNow();
          waiting.swap(self->waiting);
        }
        for (const auto& tell : waiting) tell(json);
      });
}

}  // namespace web
