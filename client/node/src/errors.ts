// What a call that did not succeed throws. A job that failed is no error: it is a JobStatus.

import { type DescMessage, fromBinary, type MessageShape } from "@bufbuild/protobuf";
import { type Any, anyIs, durationMs } from "@bufbuild/protobuf/wkt";
import { status as codes, type ServiceError } from "@grpc/grpc-js";

import type { JobStatus } from "./gen/comfyui/jobstatus/v1/job_status_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "./gen/google/rpc/status_pb.js";

const DOMAIN = "jobstatus.comfyui";

/** gRPC's codes, by name. */
export type Code = Exclude<keyof typeof codes, "OK">;

/** What is known of an error besides its words; JobStatusError says what each is. */
export interface ErrorDetails {
  code?: Code;
  reason?: string;
  metadata?: Record<string, string>;
  invalidFields?: Record<string, string>;
  retryAfterMs?: number;
  requestId?: string;
  lastStatus?: JobStatus;
  /** As that of Error; of CancelledError, the `reason` of the caller's AbortSignal. */
  cause?: unknown;
}

/** Base of all errors that calls throw. `message` is for a person; its wording may change. */
export class JobStatusError extends Error {
  readonly code: Code;
  /**
   * The service's own reason, such as "JOB_NOT_FOUND". Empty when the service did not make the error: the connection failed,
   * the deadline passed.
   */
  readonly reason: string;
  /** `backend`, `job_id`, `http_status`, `limit`, where they apply. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Of InvalidArgumentError: what is wrong, by the name of the request's field. */
  readonly invalidFields: Readonly<Record<string, string>>;
  /** Trying again helps, but not earlier than in so many milliseconds. Undefined: the service did not say so. */
  readonly retryAfterMs: number | undefined;
  /** Under which the service has the call in its log. Empty when the service did not make the error. */
  readonly requestId: string;
  /** Of a watch or a wait: the last status received before it ended. */
  lastStatus: JobStatus | undefined;

  constructor(message: string, details: ErrorDetails = {}) {
    const code = details.code ?? "UNKNOWN";
    super(message || code, details.cause === undefined ? {} : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.reason = details.reason ?? "";
    this.metadata = details.metadata ?? {};
    this.invalidFields = details.invalidFields ?? {};
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId ?? "";
    this.lastStatus = details.lastStatus;
  }
}

/** Every ComfyUI server was asked, and none has the job. */
export class JobNotFoundError extends JobStatusError {}

/** No ComfyUI server is configured under that name. */
export class BackendNotFoundError extends JobStatusError {}

/** The request is wrong; `invalidFields` says what. */
export class InvalidArgumentError extends JobStatusError {}

/** The token is missing or wrong. */
export class UnauthenticatedError extends JobStatusError {}

/** The job is not known, and a ComfyUI server did not answer in time. */
export class BackendTimeoutError extends JobStatusError {}

/** The job is not known, and a ComfyUI server could not be reached. */
export class BackendUnreachableError extends JobStatusError {}

/** A ComfyUI server answered with an error; `metadata.http_status` says which. */
export class BackendHttpError extends JobStatusError {}

/** A ComfyUI server answered with what ComfyUI does not send. */
export class BackendBadResponseError extends JobStatusError {}

/** The job is not known, and the service cannot read its archive. */
export class ArchiveUnavailableError extends JobStatusError {}

/** The job is not known, and too many such jobs were looked up of late. */
export class TooManyLookupsError extends JobStatusError {}

/** The service has as many streams as it takes. */
export class TooManyWatchesError extends JobStatusError {}

/** The connection is old enough. Watches come back by themselves. */
export class ConnectionAgeError extends JobStatusError {}

/** The service is going down. Watches come back by themselves. */
export class ShuttingDownError extends JobStatusError {}

/** The reader of a watch took nothing for too long. Watches come back by themselves. */
export class WriteStalledError extends JobStatusError {}

/** The service itself cannot be reached. */
export class ServiceUnavailableError extends JobStatusError {}

/** The time given is over; of a watch or a wait, `lastStatus` says how far the job was. Its `name` is "TimeoutError". */
export class DeadlineExceededError extends JobStatusError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "DEADLINE_EXCEEDED", ...details });
    this.name = "TimeoutError"; // as that of AbortSignal.timeout
  }
}

/** The caller cancelled the call, or closed the client. Its `name` is "AbortError". */
export class CancelledError extends JobStatusError {
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, { code: "CANCELLED", ...details });
    this.name = "AbortError"; // as that of everything that an AbortSignal ends
  }
}

type Kind = typeof JobStatusError;

export const KINDS_BY_REASON: ReadonlyMap<string, Kind> = new Map<string, Kind>([
  ["JOB_NOT_FOUND", JobNotFoundError],
  ["BACKEND_NOT_FOUND", BackendNotFoundError],
  ["INVALID_ARGUMENT", InvalidArgumentError],
  ["UNAUTHENTICATED", UnauthenticatedError],
  ["BACKEND_TIMEOUT", BackendTimeoutError],
  ["BACKEND_UNREACHABLE", BackendUnreachableError],
  ["BACKEND_HTTP_ERROR", BackendHttpError],
  ["BACKEND_BAD_RESPONSE", BackendBadResponseError],
  ["ARCHIVE_UNAVAILABLE", ArchiveUnavailableError],
  ["TOO_MANY_LOOKUPS", TooManyLookupsError],
  ["TOO_MANY_WATCHES", TooManyWatchesError],
  ["CONNECTION_AGE", ConnectionAgeError],
  ["SHUTTING_DOWN", ShuttingDownError],
  ["WRITE_STALLED", WriteStalledError],
]);

// Errors without a reason are gRPC's own, or a proxy's.
const KINDS_BY_CODE: ReadonlyMap<Code, Kind> = new Map<Code, Kind>([
  ["UNAVAILABLE", ServiceUnavailableError],
  ["DEADLINE_EXCEEDED", DeadlineExceededError],
  ["CANCELLED", CancelledError],
  ["INVALID_ARGUMENT", InvalidArgumentError],
  ["UNAUTHENTICATED", UnauthenticatedError],
]);

/** Undefined: these bytes are no such message. */
function parsed<Desc extends DescMessage>(schema: Desc, bytes: Uint8Array): MessageShape<Desc> | undefined {
  try {
    return fromBinary(schema, bytes);
  } catch {
    return undefined; // not ours: a proxy's, perhaps
  }
}

function unpacked<Desc extends DescMessage>(any: Any, schema: Desc): MessageShape<Desc> | undefined {
  return anyIs(any, schema) ? parsed(schema, any.value) : undefined;
}

function detailsOf(error: ServiceError): Any[] {
  const [trailer] = error.metadata.get("grpc-status-details-bin");
  return trailer instanceof Buffer ? (parsed(StatusSchema, trailer)?.details ?? []) : [];
}

/** Whether gRPC threw it. */
export function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && typeof error.code === "number" && "details" in error;
}

/** The typed error for what gRPC threw. */
export function fromServiceError(error: ServiceError): JobStatusError {
  const details: ErrorDetails = { code: codes[error.code] as Code };
  for (const each of detailsOf(error)) {
    const info = unpacked(each, ErrorInfoSchema);
    const retry = unpacked(each, RetryInfoSchema);
    const request = unpacked(each, RequestInfoSchema);
    const bad = unpacked(each, BadRequestSchema);
    if (info?.domain === DOMAIN) {
      details.reason = info.reason;
      details.metadata = info.metadata;
    } else if (retry?.retryDelay) {
      details.retryAfterMs = durationMs(retry.retryDelay);
    } else if (request) {
      details.requestId = request.requestId;
    } else if (bad) {
      details.invalidFields = Object.fromEntries(bad.fieldViolations.map((each) => [each.field, each.description]));
    }
  }
  const kind = details.reason ? KINDS_BY_REASON.get(details.reason) : KINDS_BY_CODE.get(codes[error.code] as Code);
  return new (kind ?? JobStatusError)(error.details, details);
}
