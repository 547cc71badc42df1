#include "archive/writer.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "archive/stored_status.h"

namespace archive {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t kBatch = 500;
constexpr int kExpireAtOnce = 50;    // a verdict may have to wait for them
constexpr auto kExpirePause = 20ms;  // and this long none has to
constexpr auto kHousekeeping = 60s;
constexpr auto kProgressInterval = 2s;  // a kill forgets no more of it
constexpr auto kFirstRetry = 500ms;
constexpr auto kLongestRetry = 15s;
constexpr int kCheckpointFrames = 1000;  // of 4 kB

}  // namespace

Writer::Writer(Connection connection, const Backends& backends, Retention retention, std::uint64_t ceiling,
               std::function<jobs::Time()> now, OnTrouble on_trouble)
    : backends_(backends),
      retention_(retention),
      now_(std::move(now)),
      connection_(std::move(connection)),
      trouble_(std::move(on_trouble)),
      ceiling_(ceiling) {}

Writer::~Writer() {
  Stop();
}

SqliteResult<void> Writer::Prepare() {
  const std::pair<Statement*, const char*> statements[] = {
      {&begin_, "BEGIN IMMEDIATE"},
      {&commit_, "COMMIT"},
      {&insert_verdict_,
       "INSERT OR REPLACE INTO verdicts (" ARCHIVE_VERDICT_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6)"},
      {&erase_verdict_, "DELETE FROM verdicts WHERE job_id = ?1 AND backend = ?2"},
      {&verdict_, "SELECT " ARCHIVE_VERDICT_COLUMNS " FROM verdicts WHERE job_id = ?1 AND backend = ?2"},
      {&put_unfinished_,
       "INSERT OR REPLACE INTO unfinished (job_id, backend, state, observed, status) VALUES (?1, ?2, ?3, ?4, ?5)"},
      {&erase_unfinished_, "DELETE FROM unfinished WHERE job_id = ?1 AND backend = ?2"},
      {&progress_, "UPDATE unfinished SET observed = ?3, status = ?4 WHERE job_id = ?1 AND backend = ?2"},
      {&reserve_, "INSERT OR REPLACE INTO meta (name, value) VALUES ('revision_ceiling', ?1)"},
      {&oldest_, "SELECT revision, observed FROM verdicts ORDER BY revision LIMIT ?1"},
      {&expire_, "DELETE FROM verdicts WHERE revision <= ?1"},
  };
  for (const auto& [statement, sql] : statements) {
    auto prepared = connection_.Prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    *statement = *std::move(prepared);
  }
  return {};
}

void Writer::Start(jobs::UnwrittenSource& source) {
  source_ = &source;
  thread_ = std::thread([this] { Run(); });
}

void Writer::Wake() {
  {
    const std::lock_guard lock(mutex_);
    wake_ = true;
  }
  woken_.notify_one();
}

void Writer::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Writer::Run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const bool failing = trouble_.failing();  // then news is no reason to try sooner
    woken_.wait_until(lock, failing ? next_try_ : std::min(expire_at_, progress_at_),
                      [&] { return stopping_ || (wake_ && !failing); });
    wake_ = false;
    lock.unlock();
    Write();
    KeepHouse();
    lock.lock();
  }
  lock.unlock();
  next_try_ = progress_at_ = {};
  Write();
  KeepHouse();
}

// Until there is nothing left to write, or it cannot be written.
void Writer::Write() {
  if (trouble_.failing() && Clock::now() < next_try_) return;
  while (WriteBatch()) KeepHouse();  // there may be something to write for hours
}

// False: there was nothing to write, or it failed.
bool Writer::WriteBatch() {
  const jobs::UnwrittenBatch batch = source_->TakeUnwritten(kBatch);
  const std::uint64_t ceiling = batch.revision + kReserve / 2 > ceiling_ ? batch.revision + kReserve : ceiling_;
  if (batch.statuses.empty() && ceiling == ceiling_) return false;
  const std::optional<std::int64_t> count_before = count_;
  const auto begun = Clock::now();
  const auto written = WriteTransaction(batch, ceiling);
  if (written) {
    ceiling_ = ceiling;
    counter_.Wrote(batch.statuses.size() - written->ended_before.size(),
                   std::chrono::duration_cast<jobs::Duration>(Clock::now() - begun));
    trouble_.Worked("the archive can be written again, and what was missing in it is there");
    retry_after_ = {};
  } else {
    connection_.RollBack();
    count_ = count_before;
    counter_.Failed();
    trouble_.Failed("the archive cannot be written (" + written.error().detail +
                    "): how jobs end is told, but would not survive a restart");
    retry_after_ = std::clamp<Clock::duration>(2 * retry_after_, kFirstRetry, kLongestRetry);
    next_try_ = Clock::now() + retry_after_;
  }
  if (!batch.statuses.empty()) source_->OnWritten(written.value_or(jobs::Written{.ok = false}));
  // Then the log is begun anew: where that is what fills the disk, there is room again.
  if (!written) connection_.Checkpoint();
  return written.has_value() && !batch.statuses.empty();
}

SqliteResult<jobs::Written> Writer::WriteTransaction(const jobs::UnwrittenBatch& batch, std::uint64_t ceiling) {
  jobs::Written written{.ok = true};
  if (connection_.HasMoved()) return std::unexpected(SqliteError{SQLITE_IOERR, "its file was moved or removed"});
  if (auto begun = begin_.Run(); !begun) return std::unexpected(begun.error());
  for (const jobs::Unwritten& unwritten : batch.statuses) {
    if (auto done = WriteOne(unwritten, written); !done) return std::unexpected(done.error());
  }
  if (ceiling != ceiling_) {
    if (auto done = reserve_.Bind(1, static_cast<std::int64_t>(ceiling)).Run(); !done)
      return std::unexpected(done.error());
  }
  if (auto committed = commit_.Run(); !committed) return std::unexpected(committed.error());
  return written;
}

SqliteResult<void> Writer::WriteOne(const jobs::Unwritten& unwritten, jobs::Written& written) {
  const jobs::JobStatus& status = *unwritten.status;
  const std::int64_t backend = backends_.ids.find(status.backend)->second;
  const auto verdict = Verdict(status.job_id, backend);
  if (!verdict) return std::unexpected(verdict.error());
  const bool ended = *verdict && **verdict && (**verdict)->state != jobs::JobState::kLost;
  if (ended && !unwritten.replaces) {
    written.ended_before.push_back(**verdict);
    return {};
  }
  const std::string encoded = Encode(status);
  const std::int64_t observed = status.observe_time.time_since_epoch().count();
  const int state = StateNumber(status.state);
  if (jobs::IsTerminal(status.state)) {
    insert_verdict_.Bind(1, static_cast<std::int64_t>(status.revision)).Bind(2, status.job_id).Bind(3, backend);
    insert_verdict_.Bind(4, state).Bind(5, observed).BindBlob(6, encoded);
    if (auto done = insert_verdict_.Run(); !done) return done;
    if (!*verdict && count_) ++*count_;
    return erase_unfinished_.Bind(1, status.job_id).Bind(2, backend).Run();
  }
  if (*verdict) {  // LOST, and alive again; or damaged
    if (auto done = erase_verdict_.Bind(1, status.job_id).Bind(2, backend).Run(); !done) return done;
    if (count_) --*count_;
  }
  put_unfinished_.Bind(1, status.job_id).Bind(2, backend).Bind(3, state).Bind(4, observed).BindBlob(5, encoded);
  return put_unfinished_.Run();
}

SqliteResult<std::optional<jobs::Snapshot>> Writer::Verdict(const std::string& job_id, std::int64_t backend) {
  const auto row = verdict_.Bind(1, job_id).Bind(2, backend).Step();
  if (!row) return std::unexpected(row.error());
  if (!*row) return std::nullopt;
  auto status = ReadStatus(verdict_, backends_);
  verdict_.Reset();
  return status ? std::make_shared<const jobs::JobStatus>(*std::move(status)) : jobs::Snapshot();
}

void Writer::KeepHouse() {
  if (trouble_.failing()) return;
  if (connection_.log_frames() > kCheckpointFrames) connection_.Checkpoint();
  if (Clock::now() >= progress_at_) {
    if (!WriteProgress()) connection_.RollBack();  // the next verdict will tell what is wrong
    progress_at_ = Clock::now() + kProgressInterval;
  }
  // A hundredth too many is let be, or each batch would be followed by a transaction that forgets as many.
  if (Clock::now() < expire_at_ && !TooMany(0.01)) return;
  const auto expired = Expire();
  if (!expired) connection_.RollBack();
  const auto pause = TooMany(0.1) ? 0ms : kExpirePause;
  expire_at_ = Clock::now() + (expired.value_or(false) ? Clock::duration(pause) : Clock::duration(kHousekeeping));
}

// Whether there are more verdicts than are to be kept, by more than this share.
bool Writer::TooMany(double share) const {
  return count_ && static_cast<double>(*count_) > static_cast<double>(retention_.max_jobs) * (1 + share);
}

// How far running jobs are: after a restart their percentage goes on from there.
SqliteResult<void> Writer::WriteProgress() {
  const std::vector<jobs::Snapshot> progress = source_->TakeProgress();
  if (progress.empty()) return {};
  if (auto begun = begin_.Run(); !begun) return begun;
  for (const jobs::Snapshot& status : progress) {
    const std::string encoded = Encode(*status);
    progress_.Bind(1, status->job_id).Bind(2, backends_.ids.find(status->backend)->second);
    progress_.Bind(3, status->observe_time.time_since_epoch().count()).BindBlob(4, encoded);
    if (auto done = progress_.Run(); !done) return done;
  }
  return commit_.Run();
}

// Forgets some of what is too old or too much; whether there may be more.
SqliteResult<bool> Writer::Expire() {
  if (!count_) {
    const auto count = connection_.QueryInteger("SELECT count(*) FROM verdicts");
    if (!count) return std::unexpected(count.error());
    count_ = *count;
  }
  const std::int64_t too_many = std::max<std::int64_t>(0, *count_ - static_cast<std::int64_t>(retention_.max_jobs));
  const std::int64_t too_old = (now_() - retention_.keep).time_since_epoch().count();
  std::int64_t seen = 0;
  std::int64_t last = 0;  // revision
  oldest_.Bind(1, kExpireAtOnce);
  while (true) {
    const auto row = oldest_.Step();
    if (!row) return std::unexpected(row.error());
    if (!*row || (seen >= too_many && oldest_.Integer(1) >= too_old)) break;
    last = oldest_.Integer(0);
    ++seen;
  }
  oldest_.Reset();
  if (seen == 0) return false;
  if (auto done = expire_.Bind(1, last).Run(); !done) return std::unexpected(done.error());
  *count_ -= seen;
  return seen == kExpireAtOnce;
}

}  // namespace archive
