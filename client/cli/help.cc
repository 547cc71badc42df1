#include "cli/help.h"

namespace jobstatus::cli {

const char* const kFooter = R"(JOB_ID is the prompt_id that ComfyUI answers when a job is submitted.

Examples:
  jobstatus get 3f2a8b1c-…              how one job is doing, now
  jobstatus watch                       everything that runs or waits, live
  jobstatus wait 3f2a8b1c-… --timeout 10m && echo done
  jobstatus watch --wait-for-job 30s ID start to watch, then submit the job as ID
  jobstatus list --state failed,lost --json | jq -r .jobId
  jobstatus --server gpu-box:50051 backends
  jobstatus health --timeout 2s         for a container's probe: does the service serve?

Output: on a terminal, watch and wait draw progress bars. In a pipe there is one line for each change:
  TIME JOB STATE message      (lines that begin with two spaces belong to the job above)
list prints a table, in a pipe too.
With --json each line is a JobStatus (Backend, HealthCheckResponse) in proto3's JSON: lowerCamelCase names, zero and empty fields left out.

Exit codes:
    0  the command succeeded; get, watch, wait: no job ended badly; health: SERVING
    1  the job failed
    2  the command line, or the request, is wrong
    3  the job was cancelled, or lost
    4  no such job, or no such backend; health: SERVICE_UNKNOWN
    5  the service cannot be reached, or ComfyUI cannot; health: NOT_SERVING
    6  not finished (wait), or not answered, in time
    7  any other error
  130  interrupted with Ctrl-C
  With several jobs, the first of 2, 7, 5, 6, 4, 1, 3, 0 that any of them has.
  get looks at the jobs as they are: one that is still queued or processing counts as 0.
  list and backends do not look at the jobs' states.

Environment: JOBSTATUS_SERVER, JOBSTATUS_TOKEN, NO_COLOR; and gRPC's own, such as http_proxy and no_proxy.

A watch that loses its connection attaches again by itself and goes on where it was. Only when the service cannot be reached at
the start do watch and wait give up at once.)";

}  // namespace jobstatus::cli
