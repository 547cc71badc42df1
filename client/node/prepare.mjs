// What `npm install` of this folder runs. npm does not fetch what a folder needs that lies outside the caller's own: so this does.
import { execSync } from "node:child_process";
import { createRequire } from "node:module";

process.chdir(import.meta.dirname);
const { resolve } = createRequire(import.meta.url);

function areInstalled(...modules) {
  try {
    return modules.every((name) => resolve(name));
  } catch (error) {
    if (error.code === "MODULE_NOT_FOUND") return false;
    throw error;
  }
}

if (!areInstalled("@bufbuild/buf/bin/buf", "@bufbuild/protobuf", "@grpc/grpc-js", "typescript")) {
  execSync("npm ci --include=dev --ignore-scripts --no-audit --no-fund --global=false", { stdio: "inherit" });
}
execSync("npm run build", { stdio: "inherit" });
