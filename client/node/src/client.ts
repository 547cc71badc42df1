import { create } from "@bufbuild/protobuf";

import { type CallOptions, Connection } from "./connection.js";
import { JobStatusError } from "./errors.js";
import {
  type Backend,
  GetStatusRequestSchema,
  type JobState,
  type JobStatus,
  JobStatusService,
  ListBackendsRequestSchema,
  ListStatusesRequestSchema,
} from "./gen/comfyui/jobstatus/v1/job_status_pb.js";
import { isTerminal } from "./messages.js";
import type { ClientOptions } from "./options.js";
import { type WaitOptions, Watch, type WatchOptions } from "./watch.js";

const { getStatus, listStatuses, listBackends } = JobStatusService.method;

/** Of a list of statuses; the limit and the signal are those of each page. */
export interface ListOptions extends CallOptions {
  /** Only jobs of this ComfyUI server, by configured name. */
  readonly backend?: string | undefined;
  /** Only jobs in one of these states. */
  readonly states?: readonly JobState[] | undefined;
  /** How many statuses the service returns at once; 50 unless given. */
  readonly pageSize?: number | undefined;
  /** Where to begin, as an earlier list was told. */
  readonly pageToken?: string | undefined;
}

/**
 * One connection to one service. Sends nothing yet: the connection is made by the first call. Every call throws JobStatusError
 * and its kinds. job_status.proto says more of what the calls do.
 */
export class Client {
  readonly #connection: Connection;
  readonly #options: ClientOptions;

  /**
   * @param target "host", "host:port", "[::1]:port", "unix:/path" or any target name of gRPC. Without a port: 50051.
   */
  constructor(target = "localhost:50051", options: ClientOptions = {}) {
    this.#connection = new Connection(target, options);
    this.#options = options;
  }

  /** The newest known status of one job. */
  async getStatus(jobId: string, options: CallOptions & { readonly backend?: string } = {}): Promise<JobStatus> {
    const request = create(GetStatusRequestSchema, { jobId, backend: options.backend ?? "" });
    const { status } = await this.#connection.unary(getStatus, request, options);
    if (!status) throw new JobStatusError("the service sent no status", { code: "INTERNAL" });
    return status;
  }

  /** The statuses the service remembers, newest change first: all of them, page after page as they are needed. */
  async *listStatuses(options: ListOptions = {}): AsyncGenerator<JobStatus, void, undefined> {
    const { backend = "", states = [], pageSize = 0, pageToken = "" } = options;
    const request = create(ListStatusesRequestSchema, { backend, states: [...states], pageSize, pageToken });
    do {
      const page = await this.#connection.unary(listStatuses, request, options);
      yield* page.statuses;
      request.pageToken = page.nextPageToken;
    } while (request.pageToken);
  }

  /** The ComfyUI servers the service watches. */
  async listBackends(options: CallOptions = {}): Promise<Backend[]> {
    return (await this.#connection.unary(listBackends, create(ListBackendsRequestSchema), options)).backends;
  }

  /** Follows jobs until they end; without ids, all jobs until the caller leaves. The time given counts from now. */
  watch(jobIds: string | readonly string[] = [], options: WatchOptions = {}): Watch {
    return new Watch(this.#connection, this.#options, typeof jobIds === "string" ? [jobIds] : [...jobIds], options);
  }

  /**
   * The status a job ends with. Survives the service going down meanwhile. When `timeoutMs` is over, that included, throws
   * DeadlineExceededError with the last known status in `lastStatus`.
   */
  async waitForCompletion(jobId: string, options: WaitOptions = {}): Promise<JobStatus> {
    for await (const status of this.watch(jobId, options)) {
      if (isTerminal(status)) return status;
    }
    throw new JobStatusError("the service ended the watch before the job ended", { code: "INTERNAL" });
  }

  /** Ends the connection and all its calls, which throw CancelledError. */
  close(): void {
    this.#connection.close();
  }
}
