import assert from "node:assert/strict";
import { test } from "node:test";

import { create } from "@bufbuild/protobuf";

import { Backoff, completeBackoff } from "../src/backoff.js";
import { type Code, DeadlineExceededError, type ErrorDetails, JobStatusError } from "../src/errors.js";
import {
  JobState,
  type WatchStatusResponse,
  WatchStatusResponseSchema,
} from "../src/gen/comfyui/jobstatus/v1/job_status_pb.js";
import { WatchFlow, type WatchPlan } from "../src/watch-flow.js";

function flow(jobIds: string[], options: Partial<WatchPlan> = {}): WatchFlow {
  const backoff = new Backoff(completeBackoff({ initialMs: 1000, maxMs: 8000, multiplier: 2 }), () => 1);
  return new WatchFlow({ jobIds, ...options }, backoff, 100_000);
}

function told(jobId: string, state: JobState, revision: bigint): WatchStatusResponse {
  return create(WatchStatusResponseSchema, { status: { jobId, state, revision }, revision });
}

function heartbeat(revision: bigint): WatchStatusResponse {
  return create(WatchStatusResponseSchema, { revision });
}

function away(details: ErrorDetails = {}): JobStatusError {
  return new JobStatusError("away", { code: "UNAVAILABLE", ...details });
}

test("a watch that was lost goes on from the last revision", () => {
  const watch = flow(["a"], { afterRevision: 3n });
  assert.equal(watch.attach(100_000).afterRevision, 3n);
  watch.onMessage(told("a", JobState.QUEUED, 5n));
  watch.onMessage(heartbeat(9n));
  assert.equal(watch.onEnd(away(), 101_000), 1000);
  assert.equal(watch.attach(102_000).afterRevision, 9n);
});

test("a revision that no double holds is kept to the last digit", () => {
  const watch = flow(["a"]);
  watch.onMessage(heartbeat(18_446_744_073_709_551_557n));
  assert.equal(watch.attach(101_000).afterRevision, 18_446_744_073_709_551_557n);
});

test("jobs that have ended are not asked for again", () => {
  const watch = flow(["a", "b"]);
  watch.attach(100_000);
  watch.onMessage(told("a", JobState.COMPLETED, 5n));
  assert.deepEqual(watch.attach(101_000).jobIds, ["b"]);
});

test("a lost job that is seen again is asked for again", () => {
  const watch = flow(["a", "b"]);
  watch.onMessage(told("a", JobState.LOST, 5n));
  watch.onMessage(told("a", JobState.PROCESSING, 6n));
  assert.deepEqual(watch.attach(101_000).jobIds, ["a", "b"]);
});

test("a stream that breaks after the last job ended is over", () => {
  const watch = flow(["a"]);
  watch.onMessage(told("a", JobState.FAILED, 5n));
  assert.equal(watch.onEnd(away(), 101_000), undefined);
});

test("waits grow until something is heard", () => {
  const watch = flow(["a"]);
  assert.deepEqual(
    [1, 2, 3].map(() => watch.onEnd(away(), 101_000)),
    [1000, 2000, 4000],
  );
  watch.onMessage(heartbeat(1n));
  assert.equal(watch.onEnd(away(), 101_000), 1000);
});

test("the service says when to come back", () => {
  assert.equal(flow(["a"]).onEnd(away({ retryAfterMs: 4000 }), 101_000), 5000);
});

const passing: [string, ErrorDetails][] = [
  ["WRITE_STALLED", { code: "RESOURCE_EXHAUSTED", reason: "WRITE_STALLED" }],
  ["RESOURCE_EXHAUSTED without a reason", { code: "RESOURCE_EXHAUSTED" }],
  ["TOO_MANY_WATCHES of now", { code: "RESOURCE_EXHAUSTED", reason: "TOO_MANY_WATCHES", retryAfterMs: 1000 }],
  ["CANCELLED that nobody asked for", { code: "CANCELLED" }],
];
for (const [name, details] of passing) {
  test(`trying again helps against ${name}`, () => {
    assert.notEqual(flow(["a"]).onEnd(new JobStatusError("", details), 101_000), undefined);
  });
}

for (const words of ["Received RST_STREAM with code 2", "Stream removed", "GOAWAY received"]) {
  test(`trying again helps against a broken stream: ${words}`, () => {
    assert.notEqual(flow(["a"]).onEnd(new JobStatusError(words, { code: "INTERNAL" }), 101_000), undefined);
  });
}

const lasting: [string, ErrorDetails][] = [
  ...(["NOT_FOUND", "INVALID_ARGUMENT", "UNAUTHENTICATED", "INTERNAL", "UNIMPLEMENTED"] satisfies Code[]).map(
    (code): [string, ErrorDetails] => [code, { code }],
  ),
  ["TOO_MANY_WATCHES for good", { code: "RESOURCE_EXHAUSTED", reason: "TOO_MANY_WATCHES" }],
];
for (const [name, details] of lasting) {
  test(`${name} ends a watch with what was known`, () => {
    const watch = flow(["a"]);
    watch.onMessage(told("a", JobState.QUEUED, 5n));
    const error = new JobStatusError("", details);
    assert.throws(
      () => watch.onEnd(error, 101_000),
      (thrown) => thrown === error,
    );
    assert.equal(error.lastStatus?.revision, 5n);
  });
}

test("who fails fast does so until something is heard", () => {
  const watch = flow(["a"], { failFast: true });
  assert.throws(() => watch.onEnd(away(), 101_000), JobStatusError);
  watch.onMessage(heartbeat(1n));
  assert.equal(watch.onEnd(away(), 101_000), 1000);
});

test("no wait is longer than the time left", () => {
  const watch = flow(["a"], { timeoutMs: 10_000 });
  assert.equal(watch.timeLeft(104_000), 6000);
  assert.equal(watch.onEnd(away({ retryAfterMs: 60_000 }), 104_000), 6000);
  watch.onMessage(told("a", JobState.PROCESSING, 5n));
  assert.throws(
    () => watch.onEnd(away(), 110_000),
    (error) => error instanceof DeadlineExceededError && error.lastStatus?.revision === 5n,
  );
});

test("a job may stay unknown for as long as said, counted from the start", () => {
  const watch = flow(["a"], { waitForJobMs: 30_000 });
  assert.equal(watch.attach(100_000).waitForJob?.seconds, 30n);
  assert.equal(watch.attach(110_000).waitForJob?.seconds, 20n);
});

test("a service that was away is given a moment to learn of the job", () => {
  const watch = flow(["a"]);
  assert.equal(watch.attach(100_000).waitForJob, undefined);
  assert.equal(watch.attach(110_000).waitForJob?.seconds, 5n);
});

test("times between milliseconds are rounded up", () => {
  const watch = flow(["a"], { minIntervalMs: 1500.1, waitForJobMs: 0.3 });
  const { minInterval, waitForJob } = watch.attach(100_000);
  assert.deepEqual([minInterval?.seconds, minInterval?.nanos], [1n, 501_000_000]);
  assert.deepEqual([waitForJob?.seconds, waitForJob?.nanos], [0n, 1_000_000]);
});

test("a watch of all jobs names none and has no patience", () => {
  const watch = flow([], { waitForJobMs: 1000 });
  watch.attach(100_000);
  watch.onMessage(told("a", JobState.COMPLETED, 5n));
  const request = watch.attach(101_000);
  assert.deepEqual([request.jobIds, request.waitForJob], [[], undefined]);
  assert.equal(watch.onEnd(away(), 101_000), 1000);
});
