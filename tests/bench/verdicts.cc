#include "bench/verdicts.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <expected>
#include <fstream>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <vector>

#include "archive/archive.h"
#include "archive/opening.h"
#include "archive/sqlite.h"
#include "archive/stored_status.h"
#include "bench/live.h"
#include "board/board.h"
#include "jobs/transitions.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr const char* kUrl = "http://127.0.0.1:8188";
constexpr int kCheckpointFrames = 1000;  // as the archive's writer

std::uint64_t Scramble(std::uint64_t number) {  // splitmix64
  number += 0x9e3779b97f4a7c15;
  number = (number ^ (number >> 30)) * 0xbf58476d1ce4e5b9;
  number = (number ^ (number >> 27)) * 0x94d049bb133111eb;
  return number ^ (number >> 31);
}

jobs::Output Image(std::uint64_t job, int index) {
  const std::string filename = fmt::format("ComfyUI_{:07}_{}.png", job, index);
  return {.node_id = "9",
          .ui_key = "images",
          .media_type = jobs::MediaType::kImage,
          .filename = filename,
          .folder_type = "output",
          .content_type = "image/png",
          .url = fmt::format("{}/view?filename={}&type=output", kUrl, filename)};
}

// One or two images, as most workflows make.
jobs::HistoryEntry Ended(std::uint64_t job, jobs::Time ended) {
  jobs::HistoryEntry entry;
  entry.number = {.value = static_cast<double>(job), .counted = true};
  entry.create_time = ended - 90s;
  entry.start_time = ended - 60s;
  entry.end_time = ended;
  entry.status_str = "success";
  entry.end = jobs::HistoryEntry::End::kSuccess;
  entry.cached_nodes = 1;
  entry.outputs.push_back(Image(job, 0));
  if (job % 2 == 1) entry.outputs.push_back(Image(job, 1));
  return entry;
}

jobs::JobStatus StatusOf(std::uint64_t job, jobs::Time ended) {
  return *jobs::Apply(nullptr, JobId(job), kBackend, jobs::SeenInHistory{Ended(job, ended)}, ended);
}

template <class T, class Error>
T Unwrap(std::expected<T, Error> result) {
  if (result) return *std::move(result);
  if constexpr (std::is_same_v<Error, archive::SqliteError>) {
    throw std::runtime_error(result.error().detail);
  } else {
    throw std::runtime_error(result.error());
  }
}

void Check(const archive::SqliteResult<void>& done) {
  if (!done) throw std::runtime_error(done.error().detail);
}

std::unique_ptr<archive::Archive> Open(const std::filesystem::path& directory) {
  return Unwrap(
      archive::Archive::Open({.directory = directory,
                              .retention = {.max_jobs = 100'000'000},
                              .now = WallNow,
                              .on_trouble = [](const std::string& what, bool) { fmt::print(stderr, "{}\n", what); }},
                             {{kBackend, kUrl}}));
}

// Counts what an archive takes from a board.
class Meter final : public jobs::UnwrittenSource {
 public:
  explicit Meter(jobs::UnwrittenSource& board) : board_(board) {}

  jobs::UnwrittenBatch TakeUnwritten(std::size_t limit) override {
    jobs::UnwrittenBatch batch = board_.TakeUnwritten(limit);
    taken_ = batch.statuses.size();
    return batch;
  }

  void OnWritten(const jobs::Written& written) override {
    board_.OnWritten(written);
    const std::lock_guard lock(mutex_);
    failed_ = failed_ || !written.ok;
    written_ += taken_;
    ++batches_;
    changed_.notify_all();
  }

  std::vector<jobs::Snapshot> TakeProgress() override { return board_.TakeProgress(); }

  void AwaitWritten(std::size_t count) {
    std::unique_lock lock(mutex_);
    const bool over = changed_.wait_for(lock, 60s, [&] { return failed_ || written_ >= count; });
    if (failed_ || !over) throw std::runtime_error("the archive does not write");
  }

  Rate RateSince(Clock::time_point begun) const {
    const auto all = static_cast<double>(written_);
    return {all / std::chrono::duration<double>(Clock::now() - begun).count(), all / static_cast<double>(batches_)};
  }

 private:
  jobs::UnwrittenSource& board_;
  std::size_t taken_ = 0;  // by the archive's one thread

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::size_t written_ = 0;
  std::size_t batches_ = 0;
  bool failed_ = false;
};

// A board that only has verdicts, of jobs from 0 on.
class Verdicts final : public jobs::UnwrittenSource {
 public:
  Verdicts(std::size_t count, std::uint64_t revision, jobs::Time ended)
      : count_(count), revision_(revision), ended_(ended) {}

  jobs::UnwrittenBatch TakeUnwritten(std::size_t limit) override {
    jobs::UnwrittenBatch batch;
    for (; batch.statuses.size() < limit && next_ < count_; ++next_) {
      jobs::JobStatus status = StatusOf(next_, ended_);
      status.revision = ++revision_;
      batch.statuses.push_back({std::make_shared<const jobs::JobStatus>(std::move(status))});
    }
    batch.revision = revision_;
    return batch;
  }

  void OnWritten(const jobs::Written&) override {}
  std::vector<jobs::Snapshot> TakeProgress() override { return {}; }

 private:
  const std::size_t count_;
  std::size_t next_ = 0;
  std::uint64_t revision_;
  const jobs::Time ended_;
};

}  // namespace

std::string JobId(std::uint64_t job) {
  const std::uint64_t a = Scramble(2 * job);
  const std::uint64_t b = Scramble(2 * job + 1);
  return fmt::format("{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}", a >> 32, (a >> 16) & 0xffff, a & 0xfff, 0x8000 | (b >> 50),
                     b & 0xffff'ffff'ffff);
}

Rate WriteByService(const std::filesystem::path& directory, std::uint64_t first, std::size_t count,
                    std::size_t in_flight) {
  const auto archive = Open(directory);
  board::Board board({{kBackend, kUrl}}, {}, archive->remembered().revision,
                     {.archive = archive.get(), .newest_verdict = archive->remembered().newest_verdict});
  Meter meter(board);
  const auto begun = Clock::now();
  archive->Start(meter);
  for (std::size_t i = 0; i < count; ++i) {
    if (i >= in_flight) meter.AwaitWritten(i + 1 - in_flight);
    const jobs::Time now = WallNow();
    board.Observe(kBackend, jobs::HistoryObserved{JobId(first + i), Ended(first + i, now)}, now);
  }
  meter.AwaitWritten(count);
  const Rate rate = meter.RateSince(begun);
  archive->Stop();
  return rate;
}

Rate WriteByArchive(const std::filesystem::path& directory, std::size_t count, jobs::Time ended) {
  const auto archive = Open(directory);
  Verdicts verdicts(count, archive->remembered().revision, ended);
  Meter meter(verdicts);
  const auto begun = Clock::now();
  archive->Start(meter);
  meter.AwaitWritten(count);
  const Rate rate = meter.RateSince(begun);
  archive->Stop();
  return rate;
}

struct BareDatabase::State {
  archive::Connection connection;
  archive::Statement begin, insert, commit;
  std::uint64_t written = 0;
};

BareDatabase::BareDatabase(const std::filesystem::path& directory) {
  const std::filesystem::path file = directory / "bare.db";
  std::ofstream(file).flush();
  state_ = std::make_unique<State>(
      State{Unwrap(archive::Connection::Open(file, archive::Connection::Access::kReadWrite)), {}, {}, {}});
  archive::Connection& connection = state_->connection;
  Check(archive::Configure(connection));
  Check(connection.Execute(
      "CREATE TABLE verdicts (revision INTEGER PRIMARY KEY, job_id TEXT, backend INTEGER, state INTEGER,"
      " observed INTEGER, status BLOB)"));
  state_->begin = Unwrap(connection.Prepare("BEGIN IMMEDIATE"));
  state_->insert = Unwrap(connection.Prepare("INSERT INTO verdicts VALUES (?1, ?2, ?3, ?4, ?5, ?6)"));
  state_->commit = Unwrap(connection.Prepare("COMMIT"));
}

BareDatabase::~BareDatabase() = default;

Micros BareDatabase::Write(std::size_t rows) {
  auto& [connection, begin, insert, commit, written] = *state_;
  std::vector<std::pair<std::string, std::string>> ready;  // id, status
  for (std::size_t i = 0; i < rows; ++i)
    ready.emplace_back(JobId(written + i), archive::Encode(StatusOf(written + i, WallNow())));
  const auto begun = Clock::now();
  Check(begin.Run());
  for (const auto& [id, status] : ready) {
    const auto revision = static_cast<std::int64_t>(++written);
    insert.Bind(1, revision).Bind(2, id).Bind(3, 1).Bind(4, 3).Bind(5, revision).BindBlob(6, status);
    Check(insert.Run());
  }
  Check(commit.Run());
  if (connection.log_frames() > kCheckpointFrames) connection.Checkpoint();
  return Clock::now() - begun;
}

bool HasOlderThan(const std::filesystem::path& directory, jobs::Time time) {
  auto connection = Unwrap(archive::Connection::Open(directory / "archive.db", archive::Connection::Access::kReadOnly));
  auto oldest = Unwrap(connection.Prepare("SELECT observed FROM verdicts ORDER BY revision LIMIT 1"));
  return Unwrap(oldest.Step()) && oldest.Integer(0) < time.time_since_epoch().count();
}

jobs::Time WallNow() {
  return std::chrono::time_point_cast<jobs::Duration>(std::chrono::system_clock::now());
}

}  // namespace bench
