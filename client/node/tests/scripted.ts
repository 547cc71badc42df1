// A service in this process that does as each test says.

import assert from "node:assert/strict";
import { EventEmitter, once } from "node:events";
import type { TestContext } from "node:test";

import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import {
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  status as codes,
} from "@grpc/grpc-js";

import { pathOf, wireFormat } from "../src/connection.js";
import {
  type GetStatusRequest,
  type GetStatusResponse,
  GetStatusResponseSchema,
  JobState,
  type JobStatus,
  JobStatusSchema,
  JobStatusService,
  type WatchStatusRequest,
  type WatchStatusResponse,
  WatchStatusResponseSchema,
} from "../src/gen/comfyui/jobstatus/v1/job_status_pb.js";
import { ErrorInfoSchema, RetryInfoSchema } from "../src/gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../src/gen/google/rpc/status_pb.js";
import type { Code } from "../src/index.js";

export type WatchCall = ServerWritableStream<WatchStatusRequest, WatchStatusResponse>;
export type GetCall = ServerUnaryCall<GetStatusRequest, GetStatusResponse>;

/** What ends a call badly. */
export function failure(code: Code, details: { reason?: string; retryAfterMs?: number } = {}) {
  const status = create(StatusSchema, { code: codes[code] });
  if (details.reason) {
    const { reason } = details;
    status.details.push(anyPack(ErrorInfoSchema, create(ErrorInfoSchema, { domain: "jobstatus.comfyui", reason })));
  }
  if (details.retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(details.retryAfterMs);
    status.details.push(anyPack(RetryInfoSchema, create(RetryInfoSchema, { retryDelay })));
  }
  const metadata = new Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(toBinary(StatusSchema, status)));
  return Object.assign(new Error("as scripted"), { code: codes[code], details: "as scripted", metadata });
}

export function told(state: JobState, revision: bigint, jobId = "a"): WatchStatusResponse {
  const status: MessageInitShape<typeof JobStatusSchema> = { jobId, state, revision };
  return create(WatchStatusResponseSchema, { status, revision });
}

export function fails(...how: Parameters<typeof failure>) {
  return (call: WatchCall): void => {
    call.emit("error", failure(...how));
  };
}

export function ends(call: WatchCall): void {
  call.write(told(JobState.COMPLETED, 8n));
  call.end();
}

/** Tells one status, and then nothing until the caller leaves. */
export function fallsSilent(call: WatchCall): void {
  call.write(told(JobState.PROCESSING, 7n));
}

export class Scripted {
  readonly #server = new Server();
  readonly #events = new EventEmitter();
  #left = 0;
  address = "";
  /** Of each watch, in order. */
  readonly requests: WatchStatusRequest[] = [];
  /** Of each call. */
  readonly metadata: Metadata[] = [];
  /** Of each call: its deadline. */
  readonly deadlines: (Date | number)[] = [];
  /** One for each watch that is to come. */
  readonly watches: ((call: WatchCall) => void)[] = [];
  /** One for each GetStatus that is to come. */
  readonly gets: ((call: GetCall) => Promise<JobStatus>)[] = [];

  /** Until the test is over. */
  static async start(t: TestContext): Promise<Scripted> {
    const scripted = new Scripted();
    const port = await new Promise<number>((resolve, reject) => {
      scripted.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(error);
        else resolve(bound);
      });
    });
    t.after(() => {
      scripted.#server.forceShutdown();
    });
    scripted.address = `127.0.0.1:${port}`;
    return scripted;
  }

  private constructor() {
    const definition: ServiceDefinition = Object.fromEntries(
      JobStatusService.methods.map((method) => [
        method.localName,
        {
          path: pathOf(method),
          requestStream: false,
          responseStream: method.methodKind === "server_streaming",
          ...wireFormat(method),
        },
      ]),
    );
    const watchStatus = (call: WatchCall): void => {
      this.#came(call);
      this.requests.push(call.request);
      call.on("cancelled", () => {
        this.#left++;
        this.#events.emit("left");
      });
      const script = this.watches.shift();
      assert.ok(script, "more watches than scripted");
      script(call);
    };
    const getStatus: handleUnaryCall<GetStatusRequest, GetStatusResponse> = (call, answer) => {
      this.#came(call);
      const script = this.gets.shift();
      assert.ok(script, "more calls than scripted");
      script(call).then(
        (status) => {
          answer(null, create(GetStatusResponseSchema, { status }));
        },
        (error: unknown) => {
          answer(error as ServiceError);
        },
      );
    };
    this.#server.addService(definition, { watchStatus, getStatus });
  }

  #came(call: WatchCall | GetCall): void {
    this.metadata.push(call.metadata);
    this.deadlines.push(call.getDeadline());
    this.#events.emit("came");
  }

  /** Once a call has come. */
  async aCall(): Promise<void> {
    if (this.metadata.length === 0) await once(this.#events, "came");
  }

  /** Once the caller of a watch has left. */
  async aCallerLeft(): Promise<void> {
    if (this.#left === 0) await once(this.#events, "left");
  }
}
