import assert from "node:assert/strict";
import { test } from "node:test";

import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { anyPack, durationFromMs } from "@bufbuild/protobuf/wkt";
import { Metadata, type ServiceError, status as codes } from "@grpc/grpc-js";

import { type Code, fromServiceError, KINDS_BY_REASON } from "../src/errors.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../src/gen/google/rpc/error_details_pb.js";
import { StatusSchema } from "../src/gen/google/rpc/status_pb.js";
import * as jobstatus from "../src/index.js";

const packed = <Desc extends DescMessage>(schema: Desc, detail: MessageShape<Desc>) => anyPack(schema, detail);

/** What gRPC throws, as far as it is read. */
function thrown(code: Code, details: string, trailer?: Uint8Array): ServiceError {
  const metadata = new Metadata();
  if (trailer) metadata.add("grpc-status-details-bin", Buffer.from(trailer));
  return Object.assign(new Error("as gRPC says it"), { code: codes[code], details, metadata });
}

function trailer(...details: ReturnType<typeof packed>[]): Uint8Array {
  return toBinary(StatusSchema, create(StatusSchema, { details }));
}

function info(reason: string, metadata: Record<string, string> = {}, domain = "jobstatus.comfyui") {
  return packed(ErrorInfoSchema, create(ErrorInfoSchema, { reason, domain, metadata }));
}

test("details become members", () => {
  const error = fromServiceError(
    thrown(
      "UNAVAILABLE",
      "words",
      trailer(
        info("BACKEND_UNREACHABLE", { backend: "gpu", job_id: "x" }),
        packed(RetryInfoSchema, create(RetryInfoSchema, { retryDelay: durationFromMs(1500) })),
        packed(
          BadRequestSchema,
          create(BadRequestSchema, { fieldViolations: [{ field: "job_id", description: "must not be empty" }] }),
        ),
        packed(RequestInfoSchema, create(RequestInfoSchema, { requestId: "abc" })),
      ),
    ),
  );
  assert.ok(error instanceof jobstatus.BackendUnreachableError);
  assert.deepEqual([error.code, error.reason, error.message], ["UNAVAILABLE", "BACKEND_UNREACHABLE", "words"]);
  assert.deepEqual(error.metadata, { backend: "gpu", job_id: "x" });
  assert.deepEqual([error.retryAfterMs, error.requestId], [1500, "abc"]);
  assert.deepEqual(error.invalidFields, { job_id: "must not be empty" });
  assert.equal(String(error), "BackendUnreachableError: words");
});

for (const [reason, kind] of KINDS_BY_REASON) {
  test(`${reason} is a kind of error`, () => {
    const error = fromServiceError(thrown("UNKNOWN", "", trailer(info(reason))));
    assert.ok(error.constructor === kind && error instanceof jobstatus.JobStatusError);
  });
}

test("a reason of tomorrow is an error with that reason", () => {
  const error = fromServiceError(thrown("UNAVAILABLE", "", trailer(info("NEW"))));
  assert.deepEqual([error.constructor, error.reason], [jobstatus.JobStatusError, "NEW"]);
});

test("a reason of somebody else is not taken for ours", () => {
  const error = fromServiceError(thrown("NOT_FOUND", "", trailer(info("JOB_NOT_FOUND", {}, "proxy.example"))));
  assert.deepEqual([error.constructor, error.reason], [jobstatus.JobStatusError, ""]);
});

const kinds: [Code, typeof jobstatus.JobStatusError][] = [
  ["UNAVAILABLE", jobstatus.ServiceUnavailableError],
  ["DEADLINE_EXCEEDED", jobstatus.DeadlineExceededError],
  ["CANCELLED", jobstatus.CancelledError],
  ["INTERNAL", jobstatus.JobStatusError],
];
const garbage = Buffer.from("\xff not protobuf", "latin1");
const trailers: [string, Uint8Array | undefined][] = [
  ["without details", undefined],
  ["with details that are no protobuf", garbage],
  ["with a detail that is no protobuf", trailer({ ...info("JOB_NOT_FOUND"), value: garbage })],
];
for (const [code, kind] of kinds) {
  for (const [name, bytes] of trailers) {
    test(`the code of ${code} ${name} says the kind`, () => {
      const error = fromServiceError(thrown(code, "words", bytes));
      assert.deepEqual([error.constructor, error.code, error.message, error.reason], [kind, code, "words", ""]);
    });
  }
}

test("who looks at names only, as of what an AbortSignal ends, sees the usual ones", () => {
  assert.equal(new jobstatus.CancelledError("").name, "AbortError");
  assert.equal(new jobstatus.DeadlineExceededError("").name, "TimeoutError");
});
