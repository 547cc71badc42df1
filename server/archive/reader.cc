#include "archive/reader.h"

#include <algorithm>
#include <utility>

#include "archive/stored_status.h"

namespace archive {

Reader::Reader(Connection connection, const Backends& backends, OnTrouble on_trouble)
    : backends_(backends),
      trouble_(std::move(on_trouble)),
      connection_(std::move(connection)),
      thread_([this] { Run(); }) {}

void Reader::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  asked_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void Reader::Find(const std::string& job_id, jobs::Archive::Done done) {
  Ask(
      finds_, [this, job_id] { return ReadJob(job_id); }, std::move(done));
}

void Reader::List(const jobs::ArchiveQuery& query, jobs::Archive::Done done) {
  Ask(
      lists_, [this, query] { return ReadList(query); }, std::move(done));
}

void Reader::Ask(Questions& questions, std::function<Statuses()> question, jobs::Archive::Done done) {
  {
    std::unique_lock lock(mutex_);
    if (stopping_) {
      lock.unlock();
      return done(std::unexpected(jobs::ArchiveError{"the service is stopping"}));
    }
    questions.push_back([this, question = std::move(question), done = std::move(done)] {
      Statuses statuses = question();
      if (statuses) {
        trouble_.Worked("the archive can be read again");
        done(*std::move(statuses));
      } else {
        trouble_.Failed("the archive cannot be read: " + statuses.error().detail);
        done(std::unexpected(jobs::ArchiveError{statuses.error().detail}));
      }
    });
  }
  asked_.notify_one();
}

void Reader::Run() {
  std::unique_lock lock(mutex_);
  while (true) {
    asked_.wait(lock, [&] { return stopping_ || !finds_.empty() || !lists_.empty(); });
    if (finds_.empty() && lists_.empty()) return;
    Questions& questions = finds_.empty() || (lists_turn_ && !lists_.empty()) ? lists_ : finds_;
    lists_turn_ = &questions == &finds_;
    const std::function<void()> question = std::move(questions.front());
    questions.pop_front();
    lock.unlock();
    question();
    lock.lock();
  }
}

SqliteResult<Statement*> Reader::Prepared(const std::string& sql) {
  const auto known = prepared_.find(sql);
  if (known != prepared_.end()) return &known->second;
  auto statement = connection_.Prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  return &prepared_.emplace(sql, *std::move(statement)).first->second;
}

Reader::Statuses Reader::ReadJob(const std::string& job_id) {
  const auto statement = Prepared("SELECT " ARCHIVE_VERDICT_COLUMNS " FROM verdicts WHERE job_id = ?1");
  if (!statement) return std::unexpected(statement.error());
  return ReadStatuses((*statement)->Bind(1, job_id), backends_);
}

Reader::Statuses Reader::ReadList(const jobs::ArchiveQuery& query) {
  const std::int64_t* backend = nullptr;
  if (!query.backend.empty()) {
    const auto id = backends_.ids.find(query.backend);
    if (id == backends_.ids.end()) return {};
    backend = &id->second;
  }
  if (backend == nullptr && query.states.empty()) return ReadRange(query, nullptr, nullptr);

  // One walk down an index for each state, each in the order that is wanted.
  std::vector<jobs::Snapshot> all;
  using enum jobs::JobState;
  for (const jobs::JobState state : {kCompleted, kFailed, kCancelled, kLost}) {
    if (!query.states.empty() && !query.states.contains(state)) continue;
    auto some = ReadRange(query, backend, &state);
    if (!some) return some;
    std::ranges::move(*some, std::back_inserter(all));
  }
  const auto revision = [](const jobs::Snapshot& status) { return status->revision; };
  if (query.newest_first) {
    std::ranges::sort(all, std::greater(), revision);
  } else {
    std::ranges::sort(all, std::less(), revision);
  }
  if (all.size() > query.limit) all.resize(query.limit);
  return all;
}

Reader::Statuses Reader::ReadRange(const jobs::ArchiveQuery& query, const std::int64_t* backend,
                                   const jobs::JobState* state) {
  std::string sql = "SELECT " ARCHIVE_VERDICT_COLUMNS " FROM verdicts WHERE revision > ?1 AND revision < ?2";
  if (backend != nullptr) sql += " AND backend = ?4";
  if (state != nullptr) sql += " AND state = ?5";
  sql += query.newest_first ? " ORDER BY revision DESC LIMIT ?3" : " ORDER BY revision LIMIT ?3";
  const auto statement = Prepared(sql);
  if (!statement) return std::unexpected(statement.error());
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  (*statement)->Bind(1, static_cast<std::int64_t>(std::min(query.after, kMost)));
  (*statement)->Bind(2, static_cast<std::int64_t>(std::min(query.before, kMost)));
  (*statement)->Bind(3, static_cast<std::int64_t>(query.limit));
  if (backend != nullptr) (*statement)->Bind(4, *backend);
  if (state != nullptr) (*statement)->Bind(5, StateNumber(*state));
  return ReadStatuses(**statement, backends_);
}

}  // namespace archive
