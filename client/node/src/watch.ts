// A watch that attaches again: what WatchFlow decides, done with gRPC.

import { setTimeout as sleep } from "node:timers/promises";

import { Backoff, type BackoffSettings, completeBackoff } from "./backoff.js";
import type { Connection } from "./connection.js";
import {
  CancelledError,
  fromServiceError,
  isServiceError,
  type JobStatusError,
  ServiceUnavailableError,
} from "./errors.js";
import {
  type JobStatus,
  JobStatusService,
  type WatchStatusResponse,
} from "./gen/comfyui/jobstatus/v1/job_status_pb.js";
import { WatchFlow } from "./watch-flow.js";

/** A longer timer would overflow, and ring at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Of a wait for the end of a job. */
export interface WaitOptions {
  /** Configured name of the ComfyUI server. Without it: whichever has the job. */
  readonly backend?: string | undefined;
  /** How long a named job may stay unknown before JobNotFoundError, in milliseconds. Without it, each job is looked up once. */
  readonly waitForJobMs?: number | undefined;
  /** Limit of the whole, attaching again included, in milliseconds. Without it: none. */
  readonly timeoutMs?: number | undefined;
  /** Ends it with CancelledError. */
  readonly signal?: AbortSignal | undefined;
  /** Is told why an attempt failed, and in how many milliseconds the next one starts. */
  readonly onRetry?: ((error: JobStatusError, waitMs: number) => void) | undefined;
}

/** Of a watch. */
export interface WatchOptions extends WaitOptions {
  /** Only what is newer than this revision. Without it: how things are now, too. */
  readonly afterRevision?: bigint | undefined;
  /** Thins updates of progress to one in so many milliseconds. Without it: every change. */
  readonly minIntervalMs?: number | undefined;
  /** An attempt that fails before the first message ends the watch, even if trying again might help. */
  readonly failFast?: boolean | undefined;
}

/**
 * Statuses of jobs as they change: `for await` over it, once. Survives the service going down: it attaches again from the last
 * revision received, with growing waits. Ends when all named jobs have; throws JobStatusError when trying again cannot help.
 * Leaving the loop ends the stream. A loop that is slow gets the newest status of each job and may miss those in between.
 */
export class Watch implements AsyncIterableIterator<JobStatus, undefined, undefined> {
  readonly #connection: Connection;
  readonly #flow: WatchFlow;
  readonly #options: WatchOptions;
  readonly #silenceLimitMs: number;
  readonly #cancelled = new AbortController();
  readonly #statuses: AsyncGenerator<JobStatus, undefined, undefined>;

  /** @internal Client.watch makes it. */
  constructor(
    connection: Connection,
    {
      backoff = {},
      silenceLimitMs = 45_000,
    }: { backoff?: BackoffSettings | undefined; silenceLimitMs?: number | undefined },
    jobIds: readonly string[],
    options: WatchOptions,
  ) {
    this.#connection = connection;
    this.#flow = new WatchFlow(
      { ...options, jobIds },
      new Backoff(completeBackoff(backoff), Math.random),
      performance.now(),
    );
    this.#options = options;
    this.#silenceLimitMs = Math.min(silenceLimitMs, LONGEST_TIMER_MS);
    this.#statuses = this.#run();
  }

  /** Everything up to it has been received; give it as `afterRevision` to go on in a later watch. */
  get revision(): bigint {
    return this.#flow.revision;
  }

  next(): Promise<IteratorResult<JobStatus, undefined>> {
    return this.#statuses.next();
  }

  /** Ends the watch. A `next` that is waiting rejects with CancelledError. */
  return(): Promise<IteratorResult<JobStatus, undefined>> {
    this.#cancelled.abort();
    return this.#statuses.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(): AsyncGenerator<JobStatus, undefined, undefined> {
    const { signal, onRetry } = this.#options;
    const cancel = () => {
      this.#cancelled.abort(signal?.reason);
    };
    if (signal?.aborted) cancel();
    signal?.addEventListener("abort", cancel);
    const leave = this.#connection.enter({ cancel });
    try {
      for (;;) {
        this.#throwIfCancelled();
        const failure = yield* this.#attempt();
        const waitMs = this.#flow.onEnd(failure, performance.now());
        if (!failure || waitMs === undefined) return;
        onRetry?.(failure, waitMs);
        await this.#sleep(waitMs);
      }
    } finally {
      leave();
      signal?.removeEventListener("abort", cancel);
    }
  }

  /** Returns what the stream ended with; undefined: with OK. */
  async *#attempt(): AsyncGenerator<JobStatus, JobStatusError | undefined, undefined> {
    const now = performance.now();
    const request = this.#flow.attach(now);
    const call = this.#connection.stream(JobStatusService.method.watchStatus, request, this.#flow.timeLeft(now));
    const messages = call[Symbol.asyncIterator]() as AsyncIterator<WatchStatusResponse, undefined>;
    let silent = false as boolean; // the compiler does not see it change
    const cancel = () => {
      call.cancel();
    };
    this.#cancelled.signal.addEventListener("abort", cancel);
    try {
      for (;;) {
        const silence = setTimeout(() => {
          silent = true;
          cancel();
        }, this.#silenceLimitMs);
        const next = await messages.next().finally(() => {
          clearTimeout(silence);
        });
        if (next.done) return undefined;
        const message = next.value;
        this.#flow.onMessage(message);
        if (message.status) yield message.status;
        this.#throwIfCancelled();
      }
    } catch (error) {
      this.#throwIfCancelled();
      if (silent) return new ServiceUnavailableError("the service went silent", { code: "UNAVAILABLE" });
      if (isServiceError(error)) return fromServiceError(error);
      throw error;
    } finally {
      this.#cancelled.signal.removeEventListener("abort", cancel);
    }
  }

  async #sleep(ms: number): Promise<void> {
    try {
      await sleep(Math.min(ms, LONGEST_TIMER_MS), undefined, { signal: this.#cancelled.signal });
    } catch (error) {
      this.#throwIfCancelled();
      throw error;
    }
  }

  #throwIfCancelled(): void {
    const { signal } = this.#cancelled;
    if (!signal.aborted) return;
    throw new CancelledError("the watch was cancelled", { cause: signal.reason, lastStatus: this.#flow.lastStatus });
  }
}
