// What a watch does next: pure decisions, without gRPC, promises or clocks.

import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";

import type { Backoff } from "./backoff.js";
import { DeadlineExceededError, type JobStatusError } from "./errors.js";
import {
  type JobStatus,
  type WatchStatusRequest,
  WatchStatusRequestSchema,
  type WatchStatusResponse,
} from "./gen/comfyui/jobstatus/v1/job_status_pb.js";
import { isTerminal } from "./messages.js";

/** After a restart the service needs a moment to learn again of jobs it had been telling about. */
const PATIENCE_AFTER_OUTAGE_MS = 5000;

/** What a watch asks for, as far as deciding needs it; WatchOptions says what each means. */
export interface WatchPlan {
  readonly jobIds: readonly string[];
  readonly backend?: string | undefined;
  readonly afterRevision?: bigint | undefined;
  readonly minIntervalMs?: number | undefined;
  readonly waitForJobMs?: number | undefined;
  readonly timeoutMs?: number | undefined;
  readonly failFast?: boolean | undefined;
}

/**
 * gRPC has no code of its own for a stream that broke under way: it makes up these, without details. CANCELLED that we did not
 * ask for comes from a server that was shutting down when the call reached it.
 */
function isBrokenStream(error: JobStatusError): boolean {
  if (error.reason) return false;
  if (error.code === "CANCELLED") return true;
  return (
    (error.code === "UNKNOWN" || error.code === "INTERNAL") &&
    ["RST_STREAM", "Stream removed", "GOAWAY"].some((word) => error.message.includes(word))
  );
}

function tryingAgainHelps(error: JobStatusError): boolean {
  switch (error.code) {
    case "UNAVAILABLE":
      return true;
    case "RESOURCE_EXHAUSTED":
      // Without details: this reader was stopped for a while (WRITE_STALLED), and is back. Details would have had to pass the
      // write that was stuck.
      return error.retryAfterMs !== undefined || error.reason === "WRITE_STALLED" || error.reason === "";
    default:
      return isBrokenStream(error);
  }
}

/**
 * One watch, over any number of attempts. The caller reports what happened and does what it is told. Times are milliseconds of
 * any one clock that never goes back.
 */
export class WatchFlow {
  readonly #plan: WatchPlan;
  readonly #backoff: Backoff;
  readonly #started: number;
  readonly #deadline: number;
  readonly #ended = new Set<string>(); // named jobs whose newest status is terminal
  #heard = false; // any message in any attempt
  #attachedBefore = false;
  #revision: bigint;
  #lastStatus: JobStatus | undefined;

  constructor(plan: WatchPlan, backoff: Backoff, now: number) {
    this.#plan = plan;
    this.#backoff = backoff;
    this.#started = now;
    this.#deadline = now + (plan.timeoutMs ?? Infinity);
    this.#revision = plan.afterRevision ?? 0n;
  }

  get revision(): bigint {
    return this.#revision;
  }

  get lastStatus(): JobStatus | undefined {
    return this.#lastStatus;
  }

  /** An attempt begins: what to ask the service for. */
  attach(now: number): WatchStatusRequest {
    const { jobIds, backend = "", minIntervalMs = 0, waitForJobMs = 0 } = this.#plan;
    let patience = waitForJobMs;
    if (this.#attachedBefore) patience = Math.max(patience - (now - this.#started), PATIENCE_AFTER_OUTAGE_MS);
    this.#attachedBefore = true;
    return create(WatchStatusRequestSchema, {
      // A restarted service may have forgotten a job that has ended; naming it again would end the watch of the others.
      jobIds: jobIds.filter((id) => !this.#ended.has(id)),
      backend,
      afterRevision: this.#revision,
      minInterval: minIntervalMs ? durationFromMs(Math.ceil(minIntervalMs)) : undefined,
      waitForJob: patience && jobIds.length > 0 ? durationFromMs(Math.ceil(patience)) : undefined,
    });
  }

  /** Milliseconds until the watch must be over; Infinity: no limit. */
  timeLeft(now: number): number {
    return Math.max(0, this.#deadline - now);
  }

  onMessage(message: WatchStatusResponse): void {
    if (message.revision > this.#revision) this.#revision = message.revision;
    const { status } = message;
    if (status) {
      this.#lastStatus = status;
      if (this.#plan.jobIds.length > 0) {
        if (isTerminal(status)) this.#ended.add(status.jobId);
        else this.#ended.delete(status.jobId); // a lost job may be seen again
      }
    }
    this.#heard = true;
    this.#backoff.reset();
  }

  /**
   * The stream ended; `error` undefined: with OK. Returns the milliseconds to wait before attaching again, or undefined when
   * the watch is over; throws when it ends badly.
   */
  onEnd(error: JobStatusError | undefined, now: number): number | undefined {
    if (!error || this.#allNamedJobsEnded()) return undefined;
    if (this.timeLeft(now) === 0) {
      throw new DeadlineExceededError("not finished within the time given", { lastStatus: this.#lastStatus });
    }
    if (!tryingAgainHelps(error) || (this.#plan.failFast && !this.#heard)) {
      error.lastStatus = this.#lastStatus;
      throw error;
    }
    return Math.min(this.#backoff.next(error.retryAfterMs), this.timeLeft(now));
  }

  #allNamedJobsEnded(): boolean {
    const { jobIds } = this.#plan;
    return jobIds.length > 0 && jobIds.every((id) => this.#ended.has(id));
  }
}
