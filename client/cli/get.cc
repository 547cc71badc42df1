#include "cli/commands.h"
#include "cli/connect.h"
#include "cli/show.h"

namespace jobstatus::cli {

ExitCode Get(const Client& client, const CommandLine& line) {
  ExitCode code = ExitCode::kOk;
  for (const std::string& job_id : line.job_ids) {
    const Result<JobStatus> status = client.GetStatus(job_id, line.backend);
    if (status) {
      Show(*status, line);
      code = Worse(code, ExitCodeOf(status->state()));
    } else {
      code = Worse(code, Complain(status.error(), line));
    }
  }
  return code;
}

}  // namespace jobstatus::cli
