#pragma once

#include <expected>
#include <memory>
#include <string>

#include "app/config.h"
#include "app/observers.h"
#include "archive/archive.h"
#include "board/board.h"
#include "rpc/server.h"
#include "web/server.h"

namespace app {

// Starts the metrics port, which reads the counters of all that is given here until it is stopped (`archive` may be
// null). Null: there is to be none. The error is a sentence for a person.
std::expected<std::unique_ptr<web::Server>, std::string> StartMetricsPort(const Config& config,
                                                                          const board::Board& board,
                                                                          const Observers& observers,
                                                                          const archive::Archive* archive,
                                                                          const rpc::Server& server);

// Who can see what there, for the log.
std::string DescribeMetricsPort(const Config& config, const web::Server& port);

}  // namespace app
