#pragma once

#include "archive/sqlite.h"

namespace archive {

// Brings a database, new or of an earlier version of the service, to the present schema. One that is not ours, or is of
// a later version, is no database (SQLITE_NOTADB).
SqliteResult<void> Migrate(Connection& connection);

}  // namespace archive
