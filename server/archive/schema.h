#pragma once

#include <expected>
#include <string>

#include "archive/sqlite.h"

namespace archive {

// Brings a database, new or of an earlier version of the service, to the present schema. Refuses one that is not ours,
// or is of a later version. The error is for a person.
std::expected<void, std::string> Migrate(Connection& connection);

}  // namespace archive
