#include "archive/rows.h"

#include <sqlite3.h>

#include "archive/stored_status.h"

namespace archive {

SqliteResult<jobs::JobStatus> ReadStatus(const Statement& row, const Backends& backends) {
  jobs::JobStatus status;
  status.revision = static_cast<std::uint64_t>(row.Integer(0));
  status.job_id = row.Text(1);
  const auto backend = backends.names.find(row.Integer(2));
  const auto state = StateOf(static_cast<int>(row.Integer(3)));
  status.observe_time = jobs::Time(jobs::Duration(row.Integer(4)));
  if (backend == backends.names.end() || !state || !Decode(row.Blob(5), status)) {
    return std::unexpected(SqliteError{SQLITE_CORRUPT, "the status of job " + status.job_id + " is damaged"});
  }
  status.backend = backend->second;
  status.state = *state;
  return status;
}

SqliteResult<std::vector<jobs::Snapshot>> ReadStatuses(Statement& statement, const Backends& backends) {
  std::vector<jobs::Snapshot> statuses;
  while (true) {
    const auto row = statement.Step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return statuses;
    auto status = ReadStatus(statement, backends);
    if (!status) {
      statement.Reset();
      return std::unexpected(status.error());
    }
    statuses.push_back(std::make_shared<const jobs::JobStatus>(*std::move(status)));
  }
}

}  // namespace archive
