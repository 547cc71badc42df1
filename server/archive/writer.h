#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "archive/counts.h"
#include "archive/rows.h"
#include "archive/sqlite.h"
#include "archive/trouble.h"
#include "jobs/archive.h"

namespace archive {

struct Retention {
  jobs::Duration keep = std::chrono::days(30);  // since it was observed how the job ended
  std::size_t max_jobs = 1'000'000;
};

// Writes statuses in batches, each batch one transaction: what came while one was written is the next. Forgets old
// ones, a few at a time, between batches. One thread of its own.
class Writer {
 public:
  // `ceiling`: no revision above it may be given out until a greater one is on disk, which the writer sees to.
  Writer(Connection connection, const Backends& backends, Retention retention, std::uint64_t ceiling,
         std::function<jobs::Time()> now, OnTrouble on_trouble);
  ~Writer();

  SqliteResult<void> Prepare();  // before Start
  void Start(jobs::UnwrittenSource& source);
  void Wake();
  void Stop();  // writes what there is, once more

  Counts Read() const { return counter_.Read(); }  // on any thread

  // How far ahead revisions are reserved on disk.
  static constexpr std::uint64_t kReserve = std::uint64_t{1} << 28;

 private:
  using Clock = std::chrono::steady_clock;

  void Run();
  void Write();
  bool WriteBatch();
  SqliteResult<jobs::Written> WriteTransaction(const jobs::UnwrittenBatch& batch, std::uint64_t ceiling);
  SqliteResult<void> WriteOne(const jobs::Unwritten& unwritten, jobs::Written& written);
  // Nothing: there is none. Null: it is damaged.
  SqliteResult<std::optional<jobs::Snapshot>> Verdict(const std::string& job_id, std::int64_t backend);
  void KeepHouse();
  SqliteResult<void> WriteProgress();
  SqliteResult<bool> Expire();
  bool TooMany(double share) const;

  const Backends& backends_;
  const Retention retention_;
  const std::function<jobs::Time()> now_;
  jobs::UnwrittenSource* source_ = nullptr;

  // Used by the thread alone once it runs:
  Connection connection_;
  Statement begin_, commit_, insert_verdict_, erase_verdict_, verdict_, put_unfinished_, erase_unfinished_, progress_,
      reserve_, oldest_, expire_;
  Trouble trouble_;
  std::uint64_t ceiling_;
  std::optional<std::int64_t> count_;  // of verdicts; unknown until it matters
  Clock::time_point next_try_{};       // after one that failed
  Clock::duration retry_after_{};
  Clock::time_point expire_at_{};
  Clock::time_point progress_at_{};

  WriteCounter counter_;

  std::mutex mutex_;  // guards the two below
  std::condition_variable woken_;
  bool wake_ = true;
  bool stopping_ = false;
  std::thread thread_;  // runs Run
};

}  // namespace archive
