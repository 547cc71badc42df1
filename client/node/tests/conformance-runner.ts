// The runner of this client; tests/conformance/README.md of the repository says what it reads and prints.

import { createInterface } from "node:readline";

import { fromJson, type JsonObject } from "@bufbuild/protobuf";

import {
  GetStatusRequestSchema,
  ListStatusesRequestSchema,
  WatchStatusRequestSchema,
} from "../src/gen/comfyui/jobstatus/v1/job_status_pb.js";
import * as jobstatus from "../src/index.js";

interface Command {
  command: "call" | "cancel";
  method: string;
  connect: jobstatus.ClientOptions & { target: string };
  request: JsonObject;
  timeoutMs: number;
}

function tell(event: string, members: object = {}): void {
  process.stdout.write(JSON.stringify({ event, ...members }) + "\n");
}

function statusInJson(status: jobstatus.JobStatus) {
  return jobstatus.toJson(jobstatus.JobStatusSchema, status);
}

function tellStatus(status: jobstatus.JobStatus): void {
  tell("status", { status: statusInJson(status) });
}

function tellError(error: jobstatus.JobStatusError): void {
  const { code, reason, message, metadata, invalidFields, retryAfterMs, requestId, lastStatus } = error;
  tell("end", {
    error: {
      code,
      reason,
      message,
      metadata,
      invalidFields: Object.keys(invalidFields),
      retryAfterMs,
      requestId,
      lastStatus: lastStatus && statusInJson(lastStatus),
    },
  });
}

function watchOptions(command: Command, signal: AbortSignal): jobstatus.WatchOptions & { jobIds: string[] } {
  const { minInterval, waitForJob, ...request } = fromJson(WatchStatusRequestSchema, command.request);
  return {
    ...request,
    minIntervalMs: minInterval && jobstatus.durationMs(minInterval),
    waitForJobMs: waitForJob && jobstatus.durationMs(waitForJob),
    timeoutMs: command.timeoutMs,
    signal,
    onRetry: () => {
      tell("retry");
    },
  };
}

async function play(client: jobstatus.Client, command: Command, signal: AbortSignal): Promise<void> {
  const { method, request, timeoutMs } = command;
  switch (method) {
    case "GetStatus": {
      const { jobId, backend } = fromJson(GetStatusRequestSchema, request);
      tellStatus(await client.getStatus(jobId, { backend, timeoutMs }));
      break;
    }
    case "ListStatuses": {
      const options = fromJson(ListStatusesRequestSchema, request);
      for await (const status of client.listStatuses({ ...options, timeoutMs })) tellStatus(status);
      break;
    }
    case "ListBackends":
      for (const backend of await client.listBackends({ timeoutMs })) {
        tell("backend", { backend: jobstatus.toJson(jobstatus.BackendSchema, backend) });
      }
      break;
    case "WatchStatus": {
      const { jobIds, ...options } = watchOptions(command, signal);
      for await (const status of client.watch(jobIds, options)) tellStatus(status);
      break;
    }
    case "WaitForCompletion": {
      const { jobIds, backend, onRetry } = watchOptions(command, signal);
      tellStatus(await client.waitForCompletion(jobIds[0] ?? "", { backend, onRetry, timeoutMs }));
      break;
    }
    default:
      throw new Error(`no such method: ${method}`);
  }
}

async function call(command: Command, signal: AbortSignal): Promise<void> {
  const { target, ...options } = command.connect;
  const client = new jobstatus.Client(target, options);
  try {
    await play(client, command, signal);
    tell("end");
  } catch (error) {
    if (!(error instanceof jobstatus.JobStatusError)) throw error;
    tellError(error);
  } finally {
    client.close();
  }
}

let caller = new AbortController();
for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command;
  if (command.command === "cancel") {
    caller.abort();
  } else {
    caller = new AbortController();
    void call(command, caller.signal); // not awaited: a cancel may come; an error that is none of a call ends the program
  }
}
