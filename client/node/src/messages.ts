// The messages of the contract. job_status.proto says what each field means.

import { JobState, type JobStatus } from "./gen/comfyui/jobstatus/v1/job_status_pb.js";

const TERMINAL: ReadonlySet<JobState> = new Set([
  JobState.COMPLETED,
  JobState.FAILED,
  JobState.CANCELLED,
  JobState.LOST,
]);

/** True of a job that is completed, failed, cancelled or lost. */
export function isTerminal(status: JobStatus): boolean {
  return TERMINAL.has(status.state);
}
