import { Client, isTerminal } from "comfyui-jobstatus";

const [address, jobId] = process.argv.slice(2);
const client = new Client(address);
// Every change, as it comes; over lost connections too.
for await (const status of client.watch(jobId)) {
  console.log(status.message); // "queued, 3rd of 7"
  if (isTerminal(status)) for (const output of status.outputs) console.log(output.url);
}
client.close();
