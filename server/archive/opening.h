#pragma once

#include <vector>

#include "archive/archive.h"
#include "archive/rows.h"
#include "archive/sqlite.h"

// What happens to a database when it is opened, in this order.
namespace archive {

// Settings of the connection that writes.
SqliteResult<void> Configure(Connection& connection);

// Enters the configured backends, under their new names where they were renamed, and removes those of before that have
// nothing here any more.
SqliteResult<Backends> EnterBackends(Connection& connection, const std::vector<jobs::BackendName>& configured);

// Reads what is needed at once, and reserves revisions. Unfinished jobs of backends that are not configured are
// forgotten when they were observed before `too_old`.
SqliteResult<Remembered> Recall(Connection& connection, const Backends& backends,
                                const std::vector<jobs::BackendName>& configured, jobs::Time now, jobs::Time too_old);

}  // namespace archive
