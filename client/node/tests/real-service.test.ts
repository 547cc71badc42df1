// What is promised of the helpers, with the real service and a fake ComfyUI.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

import * as jobstatus from "../src/index.js";
import { JobState } from "../src/index.js";
import { connect, test } from "./kit.js";
import { Setting } from "./setting.js";

async function untilProcessing(client: jobstatus.Client, jobId: string): Promise<void> {
  for await (const { state } of client.watch(jobId)) if (state === JobState.PROCESSING) return;
}

test("a wait returns the status the job ends with", async (t) => {
  const setting = await Setting.start(t);
  await setting.submit("a");
  const client = connect(t, setting.address);
  const status = await client.waitForCompletion("a", { timeoutMs: 60_000 });
  assert.equal(status.state, JobState.COMPLETED);
  assert.deepEqual(
    status.outputs.map(({ filename }) => filename),
    ["cat_00001_.png"],
  );
  assert.deepEqual(await client.getStatus("a"), status);
  for await (const listed of client.listStatuses()) assert.deepEqual(listed, status);
  assert.deepEqual(
    (await client.listBackends()).map(({ name }) => name),
    ["gpu"],
  );
});

test("a watch is an iterable that ends with the job", async (t) => {
  const setting = await Setting.start(t);
  await setting.submitEndless("a");
  const states: JobState[] = [];
  for await (const { state } of connect(t, setting.address).watch(["a"])) {
    if (state === JobState.PROCESSING && !states.includes(state)) await setting.interrupt();
    states.push(state);
  }
  assert.ok(states.includes(JobState.PROCESSING));
  assert.equal(states.at(-1), JobState.CANCELLED);
});

test("a watch of all jobs tells of each", async (t) => {
  const setting = await Setting.start(t);
  const client = connect(t, setting.address);
  await setting.submit("a");
  await client.waitForCompletion("a", { waitForJobMs: 60_000 });
  await setting.submitEndless("b");
  const open = new Set(["a", "b"]);
  for await (const { jobId } of client.watch()) {
    open.delete(jobId);
    if (open.size === 0) break;
  }
});

test("a list goes over its pages, newest change first", async (t) => {
  const setting = await Setting.start(t);
  const jobs = ["a", "b", "c", "d", "e"];
  const client = connect(t, setting.address);
  for (const job of jobs) {
    await setting.submit(job);
    await client.waitForCompletion(job, { waitForJobMs: 60_000 });
  }
  const listed: string[] = [];
  for await (const { jobId } of client.listStatuses({ pageSize: 2, states: [JobState.COMPLETED] })) listed.push(jobId);
  assert.deepEqual(listed, jobs.reverse());
  for await (const status of client.listStatuses({ states: [JobState.FAILED] })) assert.fail(status.jobId);
});

test("time that is over says how far the job was", async (t) => {
  const setting = await Setting.start(t);
  await setting.submitEndless("a");
  const client = connect(t, setting.address);
  await untilProcessing(client, "a");
  await assert.rejects(
    client.waitForCompletion("a", { timeoutMs: 2000 }),
    (error: Error) =>
      error instanceof jobstatus.DeadlineExceededError &&
      error.name === "TimeoutError" &&
      error.lastStatus?.state === JobState.PROCESSING,
  );
});

test("a watch survives the service", async (t) => {
  const setting = await Setting.start(t);
  await setting.submitEndless("a");
  const client = connect(t, setting.address);
  await untilProcessing(client, "a");
  const retries: jobstatus.JobStatusError[] = [];
  let restarted: Promise<void> | undefined;
  const watch = client.watch("a", {
    onRetry: (error) => {
      retries.push(error);
      restarted ??= setting.interrupt().then(() => setting.startService());
    },
  });
  await watch.next();
  await setting.killService();
  const states: JobState[] = [];
  for await (const { state } of watch) states.push(state);
  await restarted;
  assert.equal(states.at(-1), JobState.CANCELLED);
  assert.equal(retries[0]?.code, "UNAVAILABLE");
});

test("aborting ends a wait for a service that is away", async (t) => {
  const setting = await Setting.start(t);
  await setting.killService();
  const caller = new AbortController();
  const client = connect(t, setting.address, { backoff: { initialMs: 3_600_000, maxMs: 3_600_000 } });
  const wait = client.waitForCompletion("a", {
    signal: caller.signal,
    onRetry: () => {
      caller.abort();
    },
  });
  await assert.rejects(wait, jobstatus.CancelledError);
});

test("a watch that fails fast says why", async (t) => {
  const setting = await Setting.start(t);
  await setting.killService();
  const watch = connect(t, setting.address).watch("a", { failFast: true });
  await assert.rejects(watch.next(), jobstatus.ServiceUnavailableError);
});

test("many wait at once", async (t) => {
  const setting = await Setting.start(t);
  const jobs = Array.from({ length: 100 }, (_, number) => `job-${number}`);
  for (const job of jobs) await setting.submit(job);
  const client = connect(t, setting.address);
  const statuses = await Promise.all(jobs.map((job) => client.waitForCompletion(job, { timeoutMs: 60_000 })));
  assert.deepEqual(
    statuses.map(({ jobId, state }) => [jobId, state]),
    jobs.map((job) => [job, JobState.COMPLETED]),
  );
});

test("errors are typed", async (t) => {
  const setting = await Setting.start(t);
  const client = connect(t, setting.address, { metadata: { "x-request-id": "mine-1" } });
  const notFound = (error: unknown) => {
    assert.ok(error instanceof jobstatus.JobNotFoundError);
    assert.deepEqual([error.code, error.metadata, error.requestId], ["NOT_FOUND", { job_id: "nobody" }, "mine-1"]);
    return true;
  };
  await assert.rejects(client.waitForCompletion("nobody"), notFound);
  await assert.rejects(client.getStatus("nobody"), notFound);
  await assert.rejects(client.getStatus("a", { backend: "nowhere" }), jobstatus.BackendNotFoundError);
  await assert.rejects(
    client.getStatus(""),
    (error) => error instanceof jobstatus.InvalidArgumentError && "job_id" in error.invalidFields,
  );
});

test("a program whose calls are over ends, though its client is not closed", async (t) => {
  const setting = await Setting.start(t);
  const program = `
    import { Client } from "comfyui-jobstatus";
    console.log((await new Client("${setting.address}").listBackends()).length);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  t.after(() => child.kill());
  assert.equal(await text(child.stdout), "1\n");
});

test("the example tells of a job to its outputs", async (t) => {
  const setting = await Setting.start(t);
  await setting.submit("a");
  const example = fileURLToPath(new URL("../../examples/watch-job.mjs", import.meta.url));
  const child = spawn(process.execPath, [example, setting.address, "a"], { stdio: ["ignore", "pipe", "pipe"] });
  t.after(() => child.kill());
  const [said, complaints] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.equal(complaints, "");
  assert.deepEqual(said.trim().split("\n").slice(-2), [
    "completed with 1 output",
    `${setting.comfyUrl}/view?filename=cat_00001_.png&type=output`,
  ]);
});
