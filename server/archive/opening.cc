#include "archive/opening.h"

#include <sqlite3.h>
#include <sys/random.h>

#include <algorithm>
#include <array>

#include "archive/stored_status.h"

namespace archive {
namespace {

constexpr std::size_t kSecretBytes = 32;
constexpr int kLastInHistory = 3;  // one may have been deleted by hand

bool IsConfigured(const std::vector<jobs::BackendName>& configured, const std::string& name) {
  return std::ranges::any_of(configured, [&](const jobs::BackendName& backend) { return backend.name == name; });
}

struct Entry {
  std::int64_t id = 0;
  std::string name;
  std::string url;
};

SqliteResult<std::vector<Entry>> ReadBackends(Connection& connection) {
  auto select = connection.Prepare("SELECT id, name, url FROM backends ORDER BY id DESC");
  if (!select) return std::unexpected(select.error());
  std::vector<Entry> entries;
  while (true) {
    const auto row = select->Step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return entries;
    entries.push_back({select->Integer(0), select->Text(1), select->Text(2)});
  }
}

// One that is new under its name but not at its URL was renamed, if nobody else goes by the old name.
Entry* Renamed(std::vector<Entry>& entries, const jobs::BackendName& backend,
               const std::vector<jobs::BackendName>& configured) {
  const auto found = std::ranges::find_if(
      entries, [&](const Entry& entry) { return entry.url == backend.url && !IsConfigured(configured, entry.name); });
  return found == entries.end() ? nullptr : &*found;
}

SqliteResult<void> EnterEach(Connection& connection, const std::vector<jobs::BackendName>& configured) {
  auto entries = ReadBackends(connection);
  if (!entries) return std::unexpected(entries.error());
  auto insert = connection.Prepare("INSERT INTO backends (name, url) VALUES (?1, ?2)");
  auto update = connection.Prepare("UPDATE backends SET name = ?1, url = ?2 WHERE id = ?3");
  if (!insert) return std::unexpected(insert.error());
  if (!update) return std::unexpected(update.error());
  for (const jobs::BackendName& backend : configured) {
    const auto known = std::ranges::find(*entries, backend.name, &Entry::name);
    Entry* const entry = known != entries->end() ? &*known : Renamed(*entries, backend, configured);
    auto done = entry == nullptr ? insert->Bind(1, backend.name).Bind(2, backend.url).Run()
                                 : update->Bind(1, backend.name).Bind(2, backend.url).Bind(3, entry->id).Run();
    if (!done) return done;
    if (entry != nullptr) entry->name = backend.name;
  }
  return {};
}

SqliteResult<void> RemoveEmpty(Connection& connection, const std::vector<jobs::BackendName>& configured) {
  const auto entries = ReadBackends(connection);
  if (!entries) return std::unexpected(entries.error());
  auto remove = connection.Prepare(
      "DELETE FROM backends WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM verdicts WHERE backend = ?1)"
      " AND NOT EXISTS (SELECT 1 FROM unfinished WHERE backend = ?1)");
  if (!remove) return std::unexpected(remove.error());
  for (const Entry& entry : *entries) {
    if (IsConfigured(configured, entry.name)) continue;
    if (auto done = remove->Bind(1, entry.id).Run(); !done) return done;
  }
  return {};
}

SqliteResult<std::string> Secret(Connection& connection) {
  auto select = connection.Prepare("SELECT value FROM meta WHERE name = 'secret'");
  if (!select) return std::unexpected(select.error());
  const auto row = select->Step();
  if (!row) return std::unexpected(row.error());
  if (*row) return std::string(select->Blob(0));
  std::array<char, kSecretBytes> random{};
  if (getentropy(random.data(), random.size()) != 0)
    return std::unexpected(SqliteError{SQLITE_IOERR, "the kernel gives no random numbers"});
  const std::string_view secret(random.data(), random.size());
  auto insert = connection.Prepare("INSERT INTO meta (name, value) VALUES ('secret', ?1)");
  if (!insert) return std::unexpected(insert.error());
  if (auto done = insert->BindBlob(1, secret).Run(); !done) return std::unexpected(done.error());
  return std::string(secret);
}

// No revision above the ceiling was ever given out, nor one of the archive. Where there is no archive, or an old copy
// of it, the clock stands in as well as it can.
SqliteResult<void> ReadRevisions(Connection& connection, jobs::Time now, Remembered& remembered) {
  const auto ceiling = connection.QueryInteger("SELECT max(value) FROM meta WHERE name = 'revision_ceiling'");
  const auto newest = connection.QueryInteger("SELECT max(revision) FROM verdicts");
  if (!ceiling) return std::unexpected(ceiling.error());
  if (!newest) return std::unexpected(newest.error());
  const std::int64_t first = std::max({*ceiling, *newest, std::int64_t{now.time_since_epoch().count()}});
  remembered.revision = static_cast<std::uint64_t>(first);
  remembered.newest_verdict = static_cast<std::uint64_t>(*newest);
  auto reserve = connection.Prepare("INSERT OR REPLACE INTO meta (name, value) VALUES ('revision_ceiling', ?1)");
  if (!reserve) return std::unexpected(reserve.error());
  return reserve->Bind(1, static_cast<std::int64_t>(remembered.revision + Writer::kReserve)).Run();
}

SqliteResult<void> ForgetUnfinished(Connection& connection, const Backends& backends,
                                    const std::vector<jobs::BackendName>& configured, jobs::Time too_old) {
  auto forget = connection.Prepare("DELETE FROM unfinished WHERE backend = ?1 AND observed < ?2");
  if (!forget) return std::unexpected(forget.error());
  for (const auto& [id, name] : backends.names) {
    if (IsConfigured(configured, name)) continue;
    if (auto done = forget->Bind(1, id).Bind(2, too_old.time_since_epoch().count()).Run(); !done) return done;
  }
  return {};
}

// The newest verdicts of each configured backend, of those kinds that only its history tells.
SqliteResult<void> ReadLastInHistory(Connection& connection, const Backends& backends,
                                     const std::vector<jobs::BackendName>& configured, Remembered& remembered) {
  auto select = connection.Prepare("SELECT " ARCHIVE_VERDICT_COLUMNS
                                   " FROM verdicts WHERE backend = ?1 AND state = ?2 ORDER BY revision DESC LIMIT ?3");
  if (!select) return std::unexpected(select.error());
  for (const jobs::BackendName& backend : configured) {
    std::vector<jobs::JobStatus>& last = remembered.last_in_history[backend.name];
    for (const jobs::JobState state : {jobs::JobState::kCompleted, jobs::JobState::kFailed}) {
      select->Bind(1, backends.ids.find(backend.name)->second).Bind(2, StateNumber(state)).Bind(3, kLastInHistory);
      const auto some = ReadStatuses(*select, backends);
      if (!some) return std::unexpected(some.error());
      for (const jobs::Snapshot& status : *some) last.push_back(*status);
    }
    std::ranges::sort(last, std::greater(), &jobs::JobStatus::revision);
    if (last.size() > kLastInHistory) last.resize(kLastInHistory);
  }
  return {};
}

// Where it cannot be had, as on some network file systems, SQLite stays with what it has and calls it no error.
SqliteResult<void> WriteAhead(Connection& connection) {
  auto set = connection.Prepare("PRAGMA journal_mode = WAL");
  if (!set) return std::unexpected(set.error());
  const auto row = set->Step();
  if (!row) return std::unexpected(row.error());
  if (!*row || set->Text(0) != "wal")
    return std::unexpected(SqliteError{SQLITE_ERROR, "the file system does not let it have a write-ahead log"});
  return {};
}

}  // namespace

SqliteResult<void> Configure(Connection& connection) {
  if (auto logged = WriteAhead(connection); !logged) return logged;
  return connection.Execute(
      "PRAGMA synchronous = FULL;"  // a commit is on the disk before it returns; NORMAL lost some over power cuts
      "PRAGMA cache_size = -16000;"
      "PRAGMA journal_size_limit = 67108864");
}

SqliteResult<Backends> EnterBackends(Connection& connection, const std::vector<jobs::BackendName>& configured) {
  if (auto begun = connection.Execute("BEGIN IMMEDIATE"); !begun) return std::unexpected(begun.error());
  if (auto entered = EnterEach(connection, configured); !entered) return std::unexpected(entered.error());
  if (auto removed = RemoveEmpty(connection, configured); !removed) return std::unexpected(removed.error());
  const auto entries = ReadBackends(connection);
  if (!entries) return std::unexpected(entries.error());
  if (auto committed = connection.Execute("COMMIT"); !committed) return std::unexpected(committed.error());
  Backends backends;
  for (const Entry& entry : *entries) {
    backends.names.emplace(entry.id, entry.name);
    backends.ids.emplace(entry.name, entry.id);
  }
  return backends;
}

SqliteResult<Remembered> Recall(Connection& connection, const Backends& backends,
                                const std::vector<jobs::BackendName>& configured, jobs::Time now, jobs::Time too_old) {
  Remembered remembered;
  if (auto begun = connection.Execute("BEGIN IMMEDIATE"); !begun) return std::unexpected(begun.error());
  if (auto read = ReadRevisions(connection, now, remembered); !read) return std::unexpected(read.error());
  auto secret = Secret(connection);
  if (!secret) return std::unexpected(secret.error());
  remembered.secret = *std::move(secret);
  if (auto done = ForgetUnfinished(connection, backends, configured, too_old); !done)
    return std::unexpected(done.error());
  if (auto committed = connection.Execute("COMMIT"); !committed) return std::unexpected(committed.error());

  auto select = connection.Prepare("SELECT " ARCHIVE_UNFINISHED_COLUMNS " FROM unfinished ORDER BY rowid");
  if (!select) return std::unexpected(select.error());
  const auto unfinished = ReadStatuses(*select, backends);
  if (!unfinished) return std::unexpected(unfinished.error());
  for (const jobs::Snapshot& status : *unfinished) remembered.unfinished.push_back(*status);
  if (auto read = ReadLastInHistory(connection, backends, configured, remembered); !read)
    return std::unexpected(read.error());
  for (const auto& [id, name] : backends.names) {
    if (!IsConfigured(configured, name)) remembered.former_backends.push_back(name);
  }
  return remembered;
}

}  // namespace archive
