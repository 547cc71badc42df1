/**
 * Client of the ComfyUI Job Status Service.
 *
 *     const client = new Client("gpu-box:50051");
 *     for await (const status of client.watch(promptId)) console.log(status.message);
 *
 * @packageDocumentation
 */

export { toJson } from "@bufbuild/protobuf";
export { durationMs, timestampDate } from "@bufbuild/protobuf/wkt";

export type { BackoffSettings } from "./backoff.js";
export { Client, type ListOptions } from "./client.js";
export type { CallOptions } from "./connection.js";
export {
  ArchiveUnavailableError,
  BackendBadResponseError,
  BackendHttpError,
  BackendNotFoundError,
  BackendTimeoutError,
  BackendUnreachableError,
  CancelledError,
  type Code,
  ConnectionAgeError,
  DeadlineExceededError,
  type ErrorDetails,
  InvalidArgumentError,
  JobNotFoundError,
  JobStatusError,
  ServiceUnavailableError,
  ShuttingDownError,
  TooManyLookupsError,
  TooManyWatchesError,
  UnauthenticatedError,
  WriteStalledError,
} from "./errors.js";
export {
  type Backend,
  BackendSchema,
  ErrorReason,
  type JobError,
  JobState,
  type JobStatus,
  JobStatusSchema,
  MediaType,
  type NodeProgress,
  type Output,
  type Progress,
  ProgressSource,
  type QueuePlace,
  type TimeRange,
} from "./gen/comfyui/jobstatus/v1/job_status_pb.js";
export { isTerminal } from "./messages.js";
export type { ClientOptions } from "./options.js";
export type { WaitOptions, Watch, WatchOptions } from "./watch.js";
