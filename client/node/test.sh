#!/usr/bin/env bash
# Tests of the Node.js client. test.sh needs|fetch|run|runner: see usage. Everything that is built is in build/node.
set -euo pipefail

usage="usage: test.sh needs|fetch|run|runner
  needs   is the toolchain there?
  fetch   gets the dependencies from npm's registry
  run     builds, checks and tests, with the programs that JOBSTATUS_SERVER and FAKE_COMFYUI name
  runner  prints the command that runs the conformance runner"

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# A tree like the repository's, as npm and the compiler put what they make beside what they make it of.
mirror=$root/build/node
package=$mirror/client/node
export npm_config_cache=$mirror/npm-cache npm_config_update_notifier=false

copy_sources() {
  mkdir -p "$package"
  find "$package" -mindepth 1 -maxdepth 1 ! -name node_modules -exec rm -rf {} +
  (cd "$root/client/node" && tar --exclude=./node_modules --exclude=./dist --exclude=./src/gen --create .) |
    tar --extract --directory "$package"
  ln -sfn "$root/proto" "$mirror/proto"
  ln -sfn "$root/client/service_config.json" "$mirror/client/service_config.json"
}

needs() {
  if ! node -e 'const [major, minor] = process.versions.node.split(".").map(Number);
      process.exit(major > 20 || (major === 20 && minor >= 11) ? 0 : 1)' 2>/dev/null; then
    echo "node of at least 20.11"
    return 1
  fi
  if ! npm --version >/dev/null 2>&1; then
    echo "npm"
    return 1
  fi
}

fetch() {
  copy_sources
  cd "$package"
  if ! npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >"$mirror/npm-ci.log" 2>&1; then
    cat "$mirror/npm-ci.log" >&2
    grep -vE '^npm error (code|errno|syscall|A complete log|$)' "$mirror/npm-ci.log" | grep -m 1 '^npm error' >&2
    return 1
  fi
}

# As a program that uses the package has it: installed from the folder, and compiled against its types.
install_into_a_program() {
  rm -rf "$mirror/program"
  mkdir "$mirror/program"
  cd "$mirror/program"
  echo '{ "private": true, "type": "module" }' >package.json
  npm install --offline --no-audit --no-fund ../client/node
  cp "$package/examples/watch-job.mjs" watch-job.mts
  "$package/node_modules/.bin/tsc" --strict --noEmit --module nodenext --target es2022 --types node \
    --typeRoots "$package/node_modules/@types" watch-job.mts
}

run() {
  copy_sources
  cd "$package"
  npm run build
  npm run lint
  node --test --test-reporter=tap dist/tests/*.test.js
  (install_into_a_program)
}

case ${1:-} in
needs) needs ;;
fetch) fetch ;;
run)
  mkdir -p "$mirror"
  # Not by `if`, which would let it go on after a command that fails.
  set +e
  (set -e && run) >"$mirror/run.log" 2>&1
  failed=$?
  set -e
  if ((failed)); then
    cat "$mirror/run.log" >&2
    exit 1
  fi
  echo "node: $(sed -n 's/^# pass //p' "$mirror/run.log") tests passed"
  ;;
runner) echo "node $package/dist/tests/conformance-runner.js" ;;
*)
  echo "$usage" >&2
  exit 2
  ;;
esac
