#!/usr/bin/env bash
# Prepares the servers in other languages that ours is measured beside. Of each that cannot be had it says why.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
log=$PWD/build/bench.log
go_server=$PWD/build/go/bench_server
node_client=$PWD/build/node/client/node
node_server=$node_client/bench_server.mjs

needs() { "client/$1/test.sh" needs | sed 's/^/there is no /'; }

prepare_python() { client/python/test.sh fetch; }

# With what the Go client's test.sh has fetched, but without its race detector.
prepare_go() {
  needs go && client/go/test.sh fetch &&
    GOFLAGS='-buildvcs=false -modcacherw' GOCACHE=$PWD/build/go/cache GOMODCACHE=$PWD/build/go/modules \
      GOTOOLCHAIN=local GOWORK=off GOPROXY=off go build -C tests/bench/go_server -o "$go_server" .
}

# Beside the client, which test.sh builds anew each time; then this copy is gone, too.
prepare_node() {
  needs node || return
  is_newer "$node_server" client/node client/service_config.json proto tests/bench/node_server.mjs && return
  client/node/test.sh fetch &&
    npm_config_cache=$PWD/build/node/npm-cache npm_config_update_notifier=false \
      npm run --silent --prefix "$node_client" build &&
    cp tests/bench/node_server.mjs "$node_server"
}

# is_newer FILE PATH...: than everything there.
is_newer() { [[ -e $1 && -z $(find "${@:2}" -newer "$1" -print -quit) ]]; }

# prepare LANGUAGE [PROGRAM]
prepare() {
  "prepare_${1,,}" >>"$log" 2>&1 && return
  echo "SKIPPED: no $1 server beside ours: $(tail -n 1 "$log")"
  rm -f "${@:2}" # lest an old one is measured
}

mkdir -p build
: >"$log"
prepare Python
prepare Go "$go_server"
prepare Node "$node_server"
