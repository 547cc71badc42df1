#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "archive/sqlite.h"
#include "jobs/archive.h"

namespace archive {

// The backends that statuses are of: those configured and those of before. Fixed once the archive is open.
struct Backends {
  std::map<std::int64_t, std::string> names;  // by id in the database
  std::map<std::string, std::int64_t, std::less<>> ids;
};

// What every statement that reads statuses selects, in this order.
#define ARCHIVE_VERDICT_COLUMNS "revision, job_id, backend, state, observed, status"
#define ARCHIVE_UNFINISHED_COLUMNS "0, job_id, backend, state, observed, status"

// The status of the row the statement stands at.
SqliteResult<jobs::JobStatus> ReadStatus(const Statement& row, const Backends& backends);

// Every row of a statement that is bound.
SqliteResult<std::vector<jobs::Snapshot>> ReadStatuses(Statement& statement, const Backends& backends);

}  // namespace archive
