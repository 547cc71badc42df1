import { Client } from "comfyui-jobstatus";

const [address, jobId] = process.argv.slice(2);
const client = new Client(address);
let last;
for await (const status of client.watch(jobId)) {
  console.log(status.message); // "queued, 3rd of 7"; every change, as it comes; over lost connections too
  last = status;
}
for (const output of last.outputs) console.log(output.url);
client.close();
