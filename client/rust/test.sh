#!/usr/bin/env bash
# Builds and tests the Rust client. The end says what it can be told.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../.." && pwd)
build=$root/build/rust
needed=1.88
cd -- "$here"
export CARGO_TARGET_DIR=$build CARGO_TERM_COLOR=never

# The toolchain is there, and new enough.
needs() {
  local version
  version=$(rustc --version 2>/dev/null | cut -d ' ' -f 2) || version=
  if [[ -z $version || $(printf '%s\n' "$needed" "$version" | sort -V | head -1) != "$needed" ]]; then
    echo "rustc of at least $needed"
    return 1
  fi
  local tool
  for tool in fmt clippy; do
    cargo "$tool" --version >/dev/null 2>&1 && continue
    echo "cargo $tool"
    return 1
  done
  command -v cc >/dev/null && return
  echo "cc, a C compiler" # for ring, which encrypts
  return 1
}

# The dependencies of Cargo.lock, from the registry.
fetch() {
  mkdir -p "$build"
  cargo fetch --locked --quiet
}

checks() {
  # Building the tests builds the examples, too: one of them is the conformance runner.
  cargo fmt --check &&
    cargo clippy --offline --locked --all-targets -- --deny warnings &&
    cargo test --offline --locked
}

run() {
  local log=$build/test.log passed
  mkdir -p "$build"
  if ! checks >"$log" 2>&1; then
    cat "$log" >&2
    return 1
  fi
  passed=$(awk '/^test result: ok\./ { passed += $4 } END { print passed + 0 }' "$log")
  echo "rust: $passed tests passed"
}

case ${1:-} in
  needs) needs ;;
  fetch) fetch ;;
  run) run ;;
  runner) echo "$build/debug/examples/conformance_runner" ;;
  *)
    echo "usage: test.sh needs|fetch|run|runner" >&2
    exit 2
    ;;
esac
