// A page that watches a job by gRPC-Web, through Envoy as ../envoy.yaml tells. In this folder, with protoc and Node.js:
//   npm ci && npm run generate
//   python3 -m http.server 3000
// Then open http://localhost:3000/?job=JOB_ID, which is of the origin that ../envoy.yaml lets in.
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import { JobState, JobStatusService } from "./generated/comfyui/jobstatus/v1/job_status_pb.js";
import { ErrorInfoSchema } from "./generated/google/rpc/error_details_pb.js";

const asked = new URLSearchParams(location.search);
const transport = createGrpcWebTransport({ baseUrl: asked.get("envoy") ?? "http://localhost:8080" });
const service = createClient(JobStatusService, transport);

// Every change of a job, as it comes; over lost connections too.
async function* watch(jobId) {
  for (let afterRevision = 0n; ; ) {
    try {
      for await (const { status, revision } of service.watchStatus({ jobIds: [jobId], afterRevision })) {
        if (status) yield status; // else it is a heartbeat
        afterRevision = revision;
      }
      return;
    } catch (error) {
      const lost = error.code === Code.Unavailable || error.cause instanceof TypeError; // the service; or fetch, Envoy
      if (!lost) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

function show(tag, properties) {
  document.body.append(Object.assign(document.createElement(tag), properties));
}

try {
  let last;
  for await (const status of watch(asked.get("job"))) {
    show("p", { textContent: `${JobState[status.state]}: ${status.message}` }); // "QUEUED: queued, 3rd of 7"
    last = status;
  }
  for (const { url, filename } of last.outputs) show("a", { href: url, textContent: filename });
} catch (error) {
  const [info] = ConnectError.from(error).findDetails(ErrorInfoSchema);
  show("pre", { textContent: `${info?.reason}: ${error.message}` }); // "JOB_NOT_FOUND: [not_found] no ComfyUI server has …"
}
