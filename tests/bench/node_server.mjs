// What people write instead: GetStatus of jobs in a map, with @grpc/grpc-js. yardsticks.sh copies it into the client's
// package, as built, where Node.js finds what is imported here.
import { renameSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Server, ServerCredentials, status as codes } from "@grpc/grpc-js";
import { GetStatusResponseSchema, JobState, JobStatusService } from "comfyui-jobstatus/v1";

const { getStatus } = JobStatusService.method;
const definition = {
  [getStatus.name]: {
    path: `/${JobStatusService.typeName}/${getStatus.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message) => Buffer.from(toBinary(getStatus.input, message)),
    requestDeserialize: (bytes) => fromBinary(getStatus.input, bytes),
    responseSerialize: (message) => Buffer.from(toBinary(getStatus.output, message)),
    responseDeserialize: (bytes) => fromBinary(getStatus.output, bytes),
  },
};

const jobs = new Map();
for (let job = 0; job < 100; ++job) jobs.set(`job-${job}`, { percentage: 61.5, message: "KSampler 12/20" });

function GetStatus({ request: { jobId } }, callback) {
  const job = jobs.get(jobId);
  if (!job) {
    callback({ code: codes.NOT_FOUND, details: "no such job" });
    return;
  }
  const time = { seconds: 1790000000n, nanos: 123456789 };
  const response = create(GetStatusResponseSchema, {
    status: {
      jobId,
      backend: "gpu",
      state: JobState.PROCESSING,
      message: job.message,
      revision: 123456n,
      progress: {
        percentage: job.percentage,
        completedNodes: 4,
        totalNodes: 7,
        currentNode: { nodeId: "3", nodeType: "KSampler", currentStep: 12n, totalSteps: 20n },
      },
      createTime: time,
      startTime: time,
      observeTime: time,
    },
  });
  callback(null, response);
}

const addressFile = parseArgs({ options: { "address-file": { type: "string" } } }).values["address-file"];
if (!addressFile) throw new Error("--address-file is required");
const server = new Server();
server.addService(definition, { GetStatus });
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  const written = `${addressFile}.tmp`;
  writeFileSync(written, `127.0.0.1:${port}\n`);
  renameSync(written, addressFile);
});
