#!/usr/bin/env bash
# The Envoy example: calls by curl, in gRPC-Web and in JSON, go through it to the server.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v envoy >/dev/null || skip "there is no envoy (of tests/package/tools.txt)"

install_programs
start comfyui "$FAKE_COMFYUI" --version v0.3.64 --port 0
start server "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend "gpu1=$(address comfyui)"
server_pid=$!
start_envoy http://localhost:3000 server
service=http://$envoy_listener/comfyui.jobstatus.v1.JobStatusService

say "gRPC-Web"
web() { # an empty message, in its frame of five bytes
  printf '\0\0\0\0\0' | curl -sS --max-time 5 -H 'content-type: application/grpc-web+proto' -H 'x-grpc-web: 1' \
    -H 'origin: http://localhost:3000' -D "$scratch/headers" --data-binary @- "$service/$1" | tr -d '\0'
}
said=$(web ListBackends)
expect_contains "$said" gpu1
expect_contains "$said" grpc-status:0
expect_contains "$(cat "$scratch/headers")" 'access-control-allow-origin: http://localhost:3000'

say "JSON"
# get HTTP-STATUS PATH [WORDS...]: that this is answered, with these words in it; the answer is in $said.
get() {
  local status=$1 path=$2 got
  shift 2
  got=$(curl -sS --max-time 20 -o "$scratch/said" -w '%{http_code}' "http://$envoy_listener$path")
  said=$(cat "$scratch/said")
  [[ $got == "$status" ]] || fail "$path is answered by $got instead of $status: $said"
  while (($# > 0)); do
    expect_contains "$said" "$1"
    shift
  done
}
submit through-envoy
get 200 '/v1/jobs:watch?jobIds=through-envoy' # until it has ended
expect_contains "$(tail -1 <<<"$said")" JOB_STATE_COMPLETED
get 200 /v1/backends '"backends":[{"name":"gpu1"'
get 200 /v1/jobs/through-envoy '"status":{"jobId":"through-envoy"' JOB_STATE_COMPLETED
get 200 /v1/backends/gpu1/jobs/through-envoy '"status":{"jobId":"through-envoy"'
get 200 /v1/jobs '"statuses":[{"jobId":"through-envoy"'
get 200 /v1/backends/gpu1/jobs '"statuses":[{"jobId":"through-envoy"'
get 200 '/v1/jobs?states=JOB_STATE_QUEUED&states=JOB_STATE_FAILED'
[[ $said == '{}' ]] || fail "jobs in other states than those asked for: $said"

# An id with all that means something in a URL, and one that looks like a call.
while read -r id; do
  encoded=$(python3 -c 'import sys, urllib.parse; print(urllib.parse.quote(sys.argv[1], safe=""))' "$id")
  submit "$id"
  get 200 "/v1/jobs:watch?jobIds=$encoded&jobIds=through-envoy&afterRevision=0&minInterval=0.1s" "\"jobId\":\"$id\"" \
    '"jobId":"through-envoy"'
  while read -r line; do python3 -c 'import json, sys; json.loads(sys.argv[1])' "$line"; done <<<"$said"
  expect_contains "$(grep -F "\"jobId\":\"$id\"" <<<"$said" | tail -1)" JOB_STATE_COMPLETED
  get 200 "/v1/jobs/$encoded" "\"jobId\":\"$id\"" JOB_STATE_COMPLETED
  get 200 "/v1/backends/gpu1/jobs/$encoded" "\"jobId\":\"$id\""
done <<'IDS'
a/b c/ü+%2F?x=1&y#z
jobs:watch
IDS
# As forms write a space.
get 200 '/v1/jobs:watch?jobIds=a/b+c/%C3%BC%2B%252F?x%3D1%26y%23z' '"jobId":"a/b c/ü+%2F?x=1&y#z"'

# What has been told is not told again.
revision=$(sed -n 's/.*},"revision":"\([0-9]*\)"}$/\1/p' <<<"$said" | tail -1)
submit later
get 200 "/v1/jobs:watch?jobIds=later&jobIds=through-envoy&afterRevision=$revision&waitForJob=5s" '"jobId":"later"'
[[ $said != *through-envoy* ]] || fail "what is older than $revision was told: $said"

say "errors in JSON"
get 404 /v1/jobs/nobody-knows-it '"code":5' '"reason":"JOB_NOT_FOUND"' '"metadata":{"job_id":"nobody-knows-it"}'
get 404 /v1/backends/nobody/jobs '"reason":"BACKEND_NOT_FOUND"'
get 400 /v1/jobs/a%0Ab '"reason":"INVALID_ARGUMENT"' '"field":"job_id"'
get 400 '/v1/jobs?pageSize=-1' '"reason":"INVALID_ARGUMENT"' '"field":"page_size"'
get 400 '/v1/jobs?pageSize=many' page_size
get 400 '/v1/jobs?state=JOB_STATE_QUEUED' 'Could not find field "state"'
get 404 /v1/nonsense
# A watch has begun before it can fail.
get 200 '/v1/jobs:watch?jobIds=nobody-knows-it' '"code":5' '"reason":"JOB_NOT_FOUND"'

say "a watch that the server ends"
curl -sSN --max-time 60 "http://$envoy_listener/v1/jobs:watch?backend=gpu1" >"$scratch/watched" 2>"$scratch/watched.log" &
watch_pid=$!
await_file watched "$watch_pid"
kill "$server_pid"
wait "$watch_pid" || fail "it ended with $?: $(cat "$scratch/watched.log")"
expect_contains "$(tail -1 "$scratch/watched")" '"jobId"'
