#pragma once

#include <functional>
#include <memory>
#include <string>

#include "board/board.h"
#include "jobs/time.h"

namespace web {

// What the page shows, as JSON: made at most once a second, however many look at it. Thread-safe.
class StatusSource {
 public:
  explicit StatusSource(const board::Board& board);
  ~StatusSource();

  // `done` is called once, without a lock, maybe at once and maybe by a thread of the archive. Nothing: the archive
  // could not be read. The board must outlive that.
  void Get(std::function<void(std::shared_ptr<const std::string>)> done);

  static constexpr jobs::Duration kHolds = std::chrono::milliseconds(900);  // so that who asks each second gets news

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;  // with what is being made
};

}  // namespace web
