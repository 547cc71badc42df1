#include "archive/schema.h"

#include <sqlite3.h>

#include <array>
#include <string>
#include <string_view>

namespace archive {
namespace {

constexpr std::int64_t kApplicationId = 0x4a6f6253;  // "JobS": tells `file` and us whose database it is

// One step for each version of the schema; steps that were released are never changed. A plain table with the revision
// as its rowid: verdicts are appended, and read in this order.
constexpr std::array<std::string_view, 1> kSteps = {R"(
  CREATE TABLE meta (name TEXT PRIMARY KEY, value);
  CREATE TABLE backends (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, url TEXT NOT NULL);
  CREATE TABLE verdicts (
    revision INTEGER PRIMARY KEY,
    job_id TEXT NOT NULL,
    backend INTEGER NOT NULL REFERENCES backends (id),
    state INTEGER NOT NULL,
    observed INTEGER NOT NULL,
    status BLOB NOT NULL);
  CREATE UNIQUE INDEX verdict_of_job ON verdicts (job_id, backend);
  CREATE INDEX verdicts_by_state ON verdicts (state);
  CREATE INDEX verdicts_by_backend ON verdicts (backend, state);
  CREATE TABLE unfinished (
    job_id TEXT NOT NULL,
    backend INTEGER NOT NULL REFERENCES backends (id),
    state INTEGER NOT NULL,
    observed INTEGER NOT NULL,
    status BLOB NOT NULL,
    PRIMARY KEY (job_id, backend));
)"};

SqliteResult<void> TakeSteps(Connection& connection, std::size_t from) {
  if (auto begun = connection.Execute("BEGIN IMMEDIATE"); !begun) return begun;
  for (std::size_t step = from; step < kSteps.size(); ++step) {
    if (auto done = connection.Execute(std::string(kSteps[step])); !done) return done;
  }
  const std::string marks = "PRAGMA application_id = " + std::to_string(kApplicationId) +
                            "; PRAGMA user_version = " + std::to_string(kSteps.size()) + "; COMMIT";
  return connection.Execute(marks);
}

}  // namespace

SqliteResult<void> Migrate(Connection& connection) {
  const auto tables = connection.QueryInteger("SELECT count(*) FROM sqlite_schema");
  const auto owner = connection.QueryInteger("PRAGMA application_id");
  const auto version = connection.QueryInteger("PRAGMA user_version");
  for (const auto* const read : {&tables, &owner, &version}) {
    if (!*read) return std::unexpected(read->error());
  }
  if (*tables > 0 && *owner != kApplicationId)
    return std::unexpected(SqliteError{SQLITE_NOTADB, "it is the database of another program"});
  const auto present = static_cast<std::int64_t>(kSteps.size());
  if (*version > present) {
    return std::unexpected(SqliteError{SQLITE_NOTADB, "a later version of jobstatus-server wrote it (schema " +
                                                          std::to_string(*version) + "; this one knows " +
                                                          std::to_string(present) + ")"});
  }
  if (*version == present) return {};
  if (auto taken = TakeSteps(connection, static_cast<std::size_t>(*version)); !taken) {
    connection.RollBack();
    return taken;
  }
  return {};
}

}  // namespace archive
