// Makes src/gen from what all languages share: proto/ and client/service_config.json.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";

process.chdir(import.meta.dirname);
const buf = createRequire(import.meta.url).resolve("@bufbuild/buf/bin/buf");
execFileSync(process.execPath, [buf, "generate"], { stdio: "inherit" });

const config = JSON.parse(readFileSync("../service_config.json", "utf8"));
writeFileSync(
  "src/gen/service_config.ts",
  `/** client/service_config.json: limits and retries of each method, the same in every language. */
export const serviceConfig = ${JSON.stringify(JSON.stringify(config))};
`,
);
