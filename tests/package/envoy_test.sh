#!/usr/bin/env bash
# The Envoy example: calls by curl, in gRPC-Web and in JSON, go through it to the server.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
example=$SOURCE_DIR/cmake/package/examples/envoy.yaml
command -v envoy >/dev/null || skip "there is no envoy (of tests/package/tools.txt)"

# The descriptors, by the command that the example's head tells.
cp -r "$SOURCE_DIR/proto" "$scratch/"
cd "$scratch"
protoc=$(sed -n '/^#   protoc /,/[^\\]$/{s/^#   *//;p}' "$example")
[[ $protoc == protoc\ *job_status.pb* ]] || fail "the example does not tell how to make job_status.pb"
bash -c "$protoc" || fail "its protoc command ended with $?"

say "envoy --mode validate"
envoy --mode validate --log-level error -c "$example" >"$scratch/log" 2>&1 || fail "envoy does not take it: $(cat "$scratch/log")"

say "calls"
install_programs
start comfyui "$FAKE_COMFYUI" --version v0.3.64 --port 0
start server "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend "gpu1=$(address comfyui)"
sed "s/port_value: 8080/port_value: 0/; s/port_value: 50051/port_value: $(address server | sed 's/.*://')/" \
  "$example" >"$scratch/envoy.yaml"
echo 'admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}' >>"$scratch/envoy.yaml"
envoy --use-dynamic-base-id --concurrency 1 --log-level error --admin-address-path "$scratch/envoy" \
  -c "$scratch/envoy.yaml" >"$scratch/envoy.log" 2>&1 &
children+=($!)
await_file envoy $!
for ((tries = 0; tries < 100; ++tries)); do
  [[ $(curl -sS --max-time 5 "http://$(address envoy)/ready") == LIVE ]] && break
  sleep 0.05
done
listener=$(curl -sS --max-time 5 "http://$(address envoy)/listeners" | sed -n 's/^web:://p')
[[ -n $listener ]] || fail "envoy does not listen: $(cat "$scratch/envoy.log")"
service=http://$listener/comfyui.jobstatus.v1.JobStatusService

web() { # an empty message, in its frame of five bytes
  printf '\0\0\0\0\0' | curl -sS --max-time 5 -H 'content-type: application/grpc-web+proto' -H 'x-grpc-web: 1' \
    -H 'origin: http://localhost:3000' -D "$scratch/headers" --data-binary @- "$service/$1" | tr -d '\0'
}
said=$(web ListBackends)
expect_contains "$said" gpu1
expect_contains "$said" grpc-status:0
expect_contains "$(cat "$scratch/headers")" 'access-control-allow-origin: http://localhost:3000'

json() { curl -sS --max-time 20 -H 'Content-Type: application/json' -d "$2" "$service/$1"; }
expect_contains "$(json ListBackends '{}')" '"name":"gpu1"'
submit through-envoy
watched=$(json WatchStatus '{"jobIds": ["through-envoy"]}')
expect_contains "$(tail -1 <<<"$watched")" JOB_STATE_COMPLETED
while read -r line; do python3 -c 'import json, sys; json.loads(sys.argv[1])' "$line"; done <<<"$watched"
expect_contains "$(json GetStatus '{"jobId": "through-envoy"}')" JOB_STATE_COMPLETED
expect_contains "$(json GetStatus '{"jobId": "nobody-knows-it"}')" JOB_NOT_FOUND
