#!/usr/bin/env bash
# Tests the Go client: `test.sh needs`, then `fetch`, then `run`; `runner` prints how to start its conformance runner.
# JOBSTATUS_SERVER and FAKE_COMFYUI name the programs to test with; without them those of `./dev build`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
build=$(cd ../.. && pwd)/build/go

# Everything with the race detector, the runner too, so that all is built once. The module's cache can be deleted.
export GOFLAGS='-buildvcs=false -modcacherw -race' GOCACHE=$build/cache GOMODCACHE=$build/modules GOTOOLCHAIN=local GOWORK=off

needs() {
  local version
  version=$(cd / && go env GOVERSION 2>/dev/null) || version=
  if ! [[ $version =~ ^go([0-9]+)\.([0-9]+) ]] || ((BASH_REMATCH[1] * 1000 + BASH_REMATCH[2] < 1024)); then
    echo "go of at least 1.24${version:+ (this is ${version#go})}"
  elif ! command -v protoc >/dev/null; then
    echo "protoc (on Debian: apt-get install protobuf-compiler)"
  elif ! command -v "$(cd / && go env CC)" >/dev/null; then
    echo "a C compiler, for go's race detector (on Debian: apt-get install gcc)"
  else
    return 0
  fi
  return 1
}

complain() {
  printf '%s\n' "$*" >&2
  return 1
}

check_generated() {
  local fresh=$build/generated
  rm -rf "$fresh"
  mkdir -p "$fresh"
  ./generate.sh "$fresh"
  # Whichever protoc made them; the plugins are those that go.mod names.
  local stale="what is generated is not fresh; client/go/generate.sh makes it"
  diff -r -I '^//.*[[:space:]]protoc  *v[0-9.]*$' "$fresh/jobstatusv1" jobstatusv1 || complain "$stale"
  diff "$fresh/service_config.json" service_config.json || complain "$stale"
}

check_format() {
  local wrong
  wrong=$(gofmt -l .)
  [[ -z $wrong ]] || complain "these files are not formatted; gofmt -w does it: $wrong"
}

check_all() {
  export GOPROXY=off # all is there, since `test.sh fetch`
  check_generated
  check_format
  go vet ./...
  go build -o "$build/conformance_runner" ./internal/conformance
  go test -vet=off -count=1 -v ./...
}

case ${1:-} in
needs) needs ;;
fetch) go mod download ;;
run)
  mkdir -p "$build"
  ./test.sh check-all >"$build/test.log" 2>&1 || {
    cat "$build/test.log" >&2
    exit 1
  }
  echo "go: $(grep -c '^--- PASS' "$build/test.log") tests passed"
  ;;
check-all) check_all ;; # `run`, but talkative
runner) echo "$build/conformance_runner" ;;
*)
  echo "usage: test.sh needs|fetch|run|runner" >&2
  exit 2
  ;;
esac
