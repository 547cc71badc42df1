import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { JobStatusService } from "../src/gen/comfyui/jobstatus/v1/job_status_pb.js";
import * as jobstatus from "../src/index.js";
import { channelOptions, completeTarget } from "../src/options.js";

const targets: [string, string][] = [
  ["gpu-box", "gpu-box:50051"],
  ["gpu-box:1", "gpu-box:1"],
  ["::1", "[::1]:50051"],
  ["[::1]", "[::1]:50051"],
  ["[::1]:1", "[::1]:1"],
  ["unix:/run/jobstatus", "unix:/run/jobstatus"],
  ["dns:///gpu-box:1", "dns:///gpu-box:1"],
];
for (const [given, target] of targets) {
  test(`a port is added where there is none: ${given}`, () => {
    assert.equal(completeTarget(given), target);
  });
}

for (const wrong of [{ certFile: "x" }, { keyFile: "x" }, { token: "two\nlines" }, { token: "ü" }]) {
  test(`options that make no sense are refused: ${JSON.stringify(wrong)}`, () => {
    assert.throws(() => new jobstatus.Client("localhost", wrong), TypeError);
  });
}

test("waits that make no sense are refused", () => {
  assert.throws(() => new jobstatus.Client("localhost", { backoff: { initialMs: 0 } }), RangeError);
});

test("an empty address is refused", () => {
  assert.throws(() => new jobstatus.Client(""), jobstatus.InvalidArgumentError);
});

test("a file that is not there is named", () => {
  assert.throws(() => new jobstatus.Client("localhost", { caFile: "/no/such.pem" }), /ENOENT.*\/no\/such\.pem/);
});

test("a token is not shown", () => {
  const client = new jobstatus.Client("localhost", { token: "sesame" });
  assert.doesNotMatch(inspect(client, { depth: null, showHidden: true }), /sesame/);
  assert.throws(
    () => new jobstatus.Client("localhost", { token: "sesame\n" }),
    (error: Error) => !error.message.includes("sesame"),
  );
});

interface ServiceConfig {
  methodConfig: { name: { service: string; method: string }[]; timeout?: string }[];
}

function config(): ServiceConfig {
  return JSON.parse(channelOptions({})["grpc.service_config"] ?? "") as ServiceConfig;
}

test("the service config names every method once", () => {
  const named = config().methodConfig.flatMap(({ name }) => name.map(({ service, method }) => `${service}/${method}`));
  const methods = JobStatusService.methods.map((method) => `${JobStatusService.typeName}/${method.name}`);
  assert.deepEqual(named.sort(), methods.sort());
});

test("every method but the watch has a limit", () => {
  const limited = config().methodConfig.flatMap(({ name, timeout }) =>
    timeout ? name.map(({ method }) => method) : [],
  );
  assert.deepEqual(limited.sort(), ["GetStatus", "ListBackends", "ListStatuses"]);
});
