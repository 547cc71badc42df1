// What the real service does too seldom to wait for.

import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, type TestContext } from "node:test";

import { create } from "@bufbuild/protobuf";

import { Connection } from "../src/connection.js";
import {
  GetStatusRequestSchema,
  JobStatusSchema,
  JobStatusService,
  WatchStatusRequestSchema,
} from "../src/gen/comfyui/jobstatus/v1/job_status_pb.js";
import * as jobstatus from "../src/index.js";
import { JobState } from "../src/index.js";
import { Watch } from "../src/watch.js";
import { connect, test } from "./kit.js";
import { ends, failure, fails, fallsSilent, Scripted, told } from "./scripted.js";

const SOON = { initialMs: 1, maxMs: 1 };

type Retry = [error: jobstatus.JobStatusError, waitMs: number];

/** The states that a watch of job "a" tells, and its retries. */
async function follow(
  t: TestContext,
  service: Scripted,
  options: jobstatus.ClientOptions = {},
): Promise<[JobState[], Retry[]]> {
  const client = connect(t, service.address, { backoff: SOON, ...options });
  const states: JobState[] = [];
  const retries: Retry[] = [];
  for await (const { state } of client.watch("a", { onRetry: (...retry) => retries.push(retry) })) states.push(state);
  return [states, retries];
}

const job = create(JobStatusSchema, { jobId: "a", state: JobState.PROCESSING });

describe("a watch", () => {
  test("whose stream breaks attaches again from the last revision", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push((call) => {
      call.write(told(JobState.QUEUED, 9_007_199_254_740_993n)); // which no double holds
      fails("UNAVAILABLE")(call);
    }, ends);
    const [states, retries] = await follow(t, service);
    assert.deepEqual(states, [JobState.QUEUED, JobState.COMPLETED]);
    assert.deepEqual(
      service.requests.map(({ afterRevision }) => afterRevision),
      [0n, 9_007_199_254_740_993n],
    );
    assert.ok(retries.length === 1 && retries[0]?.[0] instanceof jobstatus.ServiceUnavailableError);
  });

  test("whose service goes silent attaches again from the last revision, and leaves the stream", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent, ends);
    const [states, retries] = await follow(t, service, { silenceLimitMs: 1000 });
    assert.deepEqual(states, [JobState.PROCESSING, JobState.COMPLETED]);
    assert.deepEqual(
      retries.map(([error]) => [error.code, error.message]),
      [["UNAVAILABLE", "the service went silent"]],
    );
    assert.deepEqual(
      service.requests.map(({ afterRevision }) => afterRevision),
      [0n, 7n],
    );
    await service.aCallerLeft();
  });

  test("that is to bear any silence does", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(ends);
    assert.deepEqual(await follow(t, service, { silenceLimitMs: Infinity }), [[JobState.COMPLETED], []]);
  });

  test("comes back not earlier than the service says", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fails("UNAVAILABLE", { reason: "SHUTTING_DOWN", retryAfterMs: 400 }), ends);
    const [, [retry]] = await follow(t, service);
    assert.ok(retry?.[0] instanceof jobstatus.ShuttingDownError);
    assert.ok(400 <= retry[1] && retry[1] <= 500);
  });

  test("does not ask again for jobs that have ended", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push((call) => {
      call.write(told(JobState.COMPLETED, 7n, "b"));
      fails("UNAVAILABLE")(call);
    }, ends);
    const client = connect(t, service.address, { backoff: SOON });
    const toldOf: string[] = [];
    for await (const { jobId } of client.watch(["a", "b"])) toldOf.push(jobId);
    assert.deepEqual(toldOf, ["b", "a"]);
    assert.deepEqual(
      service.requests.map(({ jobIds }) => jobIds),
      [["a", "b"], ["a"]],
    );
  });

  test("knows up to where everything has been received", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(ends);
    const client = connect(t, service.address);
    const watch = client.watch("a", { afterRevision: 5n });
    assert.equal(watch.revision, 5n);
    await watch.next();
    assert.equal(watch.revision, 8n);
    await watch.return();
  });

  test("has no limit by itself", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(ends);
    await follow(t, service);
    assert.deepEqual(service.deadlines, [Infinity]);
  });

  test("that has no time left says how far the job was, and leaves the stream", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const client = connect(t, service.address);
    await assert.rejects(
      client.waitForCompletion("a", { timeoutMs: 2000 }),
      (error) => error instanceof jobstatus.DeadlineExceededError && error.lastStatus?.state === JobState.PROCESSING,
    );
    await service.aCallerLeft();
  });

  test("has no time for a service that is away for longer than it may take", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fails("UNAVAILABLE", { reason: "SHUTTING_DOWN", retryAfterMs: 3_600_000 }));
    const client = connect(t, service.address);
    await assert.rejects(client.waitForCompletion("a", { timeoutMs: 300 }), jobstatus.DeadlineExceededError);
  });

  test("goes with token and metadata, in each attempt", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fails("UNAVAILABLE"), ends);
    await follow(t, service, { token: "sesame", metadata: { "x-request-id": "mine" } });
    assert.deepEqual(
      service.metadata.map((sent) => [...sent.get("authorization"), ...sent.get("x-request-id")]),
      [
        ["Bearer sesame", "mine"],
        ["Bearer sesame", "mine"],
      ],
    );
  });

  test("ends its stream when its loop is left", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const client = connect(t, service.address);
    const watch = client.watch("a");
    for await (const status of watch) {
      assert.equal(status.jobId, "a");
      break;
    }
    await service.aCallerLeft();
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
  });

  test("ends its stream when its signal is aborted, though nobody reads it", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const client = connect(t, service.address);
    const caller = new AbortController();
    const watch = client.watch("a", { signal: caller.signal });
    await watch.next();
    caller.abort(new Error("enough"));
    await service.aCallerLeft();
    await assert.rejects(watch.next(), (error) => {
      assert.ok(error instanceof jobstatus.CancelledError && error.cause === caller.signal.reason);
      assert.deepEqual([error.name, error.code, error.lastStatus?.jobId], ["AbortError", "CANCELLED", "a"]);
      return true;
    });
    assert.deepEqual(await watch.next(), { done: true, value: undefined });
  });

  test("ends when its signal is aborted while it reads", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const client = connect(t, service.address);
    const caller = new AbortController();
    const watch = client.watch("a", { signal: caller.signal });
    await watch.next();
    const next = watch.next();
    caller.abort();
    await assert.rejects(next, jobstatus.CancelledError);
    await service.aCallerLeft();
  });

  test("ends when its signal is aborted while it waits to attach again", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fails("UNAVAILABLE", { reason: "SHUTTING_DOWN", retryAfterMs: 3_600_000 }));
    const client = connect(t, service.address);
    const caller = new AbortController();
    const watch = client.watch("a", {
      signal: caller.signal,
      onRetry: () => {
        setImmediate(() => {
          caller.abort();
        });
      },
    });
    await assert.rejects(watch.next(), jobstatus.CancelledError);
  });

  test("calls nobody when its signal was aborted before", async (t) => {
    const service = await Scripted.start(t);
    const client = connect(t, service.address);
    await assert.rejects(client.watch("a", { signal: AbortSignal.abort() }).next(), jobstatus.CancelledError);
    assert.equal(service.requests.length, 0);
  });

  test("leaves nothing at a signal and a connection that outlive it", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(ends);
    const connection = new Connection(service.address, {});
    let entered = 0;
    const enter = connection.enter.bind(connection);
    t.mock.method(connection, "enter", (running: { cancel(): void }) => {
      entered++;
      const leave = enter(running);
      return () => {
        entered--;
        leave();
      };
    });
    const { signal } = new AbortController();
    const held = () => [getEventListeners(signal, "abort").length, entered];
    for await (const { jobId } of new Watch(connection, {}, ["a"], { signal })) {
      assert.equal(jobId, "a");
      assert.deepEqual(held(), [1, 1]);
    }
    assert.deepEqual(held(), [0, 0]);
    connection.close();
  });

  test("that is ended while it reads reads no more", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const watch = connect(t, service.address).watch("a");
    await watch.next();
    const next = watch.next();
    const ended = watch.return();
    await assert.rejects(next, jobstatus.CancelledError);
    assert.deepEqual(await ended, { done: true, value: undefined });
    await service.aCallerLeft();
  });

  test("ends when its client is closed", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const client = connect(t, service.address);
    const watch = client.watch("a");
    await watch.next();
    const next = watch.next();
    client.close();
    await assert.rejects(next, jobstatus.CancelledError);
    await service.aCallerLeft();
  });

  test("ends with what onRetry throws, and leaves the stream", async (t) => {
    const service = await Scripted.start(t);
    service.watches.push(fallsSilent);
    const client = connect(t, service.address, { silenceLimitMs: 1000 });
    const watch = client.watch("a", {
      onRetry: (error) => {
        throw error;
      },
    });
    await watch.next();
    await assert.rejects(watch.next(), jobstatus.ServiceUnavailableError);
    await service.aCallerLeft();
  });
});

describe("a call", () => {
  test("that is unavailable is made again, as the service config says", async (t) => {
    const service = await Scripted.start(t);
    const away = () => Promise.reject(failure("UNAVAILABLE"));
    service.gets.push(away, away, () => Promise.resolve(job));
    const client = connect(t, service.address);
    assert.equal((await client.getStatus("a")).jobId, "a");
    assert.equal(service.metadata.length, 3);
  });

  test("that fails otherwise is not", async (t) => {
    const service = await Scripted.start(t);
    service.gets.push(() => Promise.reject(failure("NOT_FOUND", { reason: "JOB_NOT_FOUND" })));
    const client = connect(t, service.address);
    await assert.rejects(client.getStatus("a"), jobstatus.JobNotFoundError);
    assert.equal(service.metadata.length, 1);
  });

  test("has the limit of the service config", async (t) => {
    const service = await Scripted.start(t);
    service.gets.push(() => new Promise(() => {}));
    const name = [{ service: JobStatusService.typeName, method: "GetStatus" }];
    const config = JSON.stringify({ methodConfig: [{ name, timeout: "1s" }] }); // gRPC knows whole seconds only
    const connection = new Connection(service.address, {}, config);
    t.after(() => {
      connection.close();
    });
    const request = create(GetStatusRequestSchema, { jobId: "a" });
    await assert.rejects(
      connection.unary(JobStatusService.method.getStatus, request, {}),
      jobstatus.DeadlineExceededError,
    );
  });

  test("may have a limit of its own", async (t) => {
    const service = await Scripted.start(t);
    service.gets.push(() => new Promise(() => {}));
    const client = connect(t, service.address);
    await assert.rejects(client.getStatus("a", { timeoutMs: 300 }), jobstatus.DeadlineExceededError);
  });

  test("ends when its signal is aborted", async (t) => {
    const service = await Scripted.start(t);
    service.gets.push(() => new Promise(() => {}));
    const client = connect(t, service.address);
    const caller = new AbortController();
    const call = client.getStatus("a", { signal: caller.signal });
    await service.aCall();
    caller.abort(new Error("enough"));
    await assert.rejects(
      call,
      (error) => error instanceof jobstatus.CancelledError && error.cause === caller.signal.reason,
    );
  });

  test("is not made when its signal was aborted before", async (t) => {
    const service = await Scripted.start(t);
    const client = connect(t, service.address);
    await assert.rejects(client.getStatus("a", { signal: AbortSignal.abort() }), jobstatus.CancelledError);
    assert.equal(service.metadata.length, 0);
  });

  test("ends when its client is closed", async (t) => {
    const service = await Scripted.start(t);
    service.gets.push(() => new Promise(() => {}));
    const client = connect(t, service.address);
    const call = client.getStatus("a");
    await service.aCall();
    client.close();
    await assert.rejects(call, jobstatus.CancelledError);
  });

  test("that fails says where it was made", async (t) => {
    const service = await Scripted.start(t);
    service.gets.push(() => Promise.reject(failure("NOT_FOUND")));
    const client = connect(t, service.address);
    async function theCaller(): Promise<void> {
      await client.getStatus("a");
    }
    await assert.rejects(theCaller(), (error: Error) => error.stack?.includes("theCaller") ?? false);
  });
});

test("a stream that nobody reads may be cancelled", async (t) => {
  const service = await Scripted.start(t);
  service.watches.push(fallsSilent);
  const connection = new Connection(service.address, {});
  const request = create(WatchStatusRequestSchema, { jobIds: ["a"] });
  const call = connection.stream(JobStatusService.method.watchStatus, request, Infinity);
  await service.aCall();
  call.cancel();
  await service.aCallerLeft();
  connection.close();
});
