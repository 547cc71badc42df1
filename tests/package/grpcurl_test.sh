#!/usr/bin/env bash
# Tools that know nothing of the .proto ask by what the server tells of it: grpcurl, and buf curl, which reads it another way.
# shellcheck source=tests/package/lib.sh
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v grpcurl >/dev/null || skip "there is no grpcurl (./dev test builds it with Go)"
service=comfyui.jobstatus.v1.JobStatusService

install_programs
start comfyui "$FAKE_COMFYUI" --version v0.3.64 --port 0
start server "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend "gpu1=$(address comfyui)"

plain() { timeout 60 grpcurl -plaintext "$@" 2>&1; } # what it says of errors, too
call() { plain -d "$2" "$(address server)" "$service/$1"; }

say "list and describe"
expect_same "grpcurl list" "$service
grpc.health.v1.Health
grpc.reflection.v1.ServerReflection
grpc.reflection.v1alpha.ServerReflection" "$(plain "$(address server)" list)"
described=$(plain "$(address server)" describe "$service")
expect_contains "$described" 'rpc WatchStatus ( .comfyui.jobstatus.v1.WatchStatusRequest ) returns ( stream '
expect_contains "$described" 'get: "/v1/jobs/{job_id}"'
expect_contains "$described" '{ get: "/v1/backends/{backend}/jobs/{job_id}" }'
described=$(plain "$(address server)" describe .comfyui.jobstatus.v1.JobStatus)
expect_contains "$described" '.comfyui.jobstatus.v1.JobState state = 3;'
expect_contains "$described" '.google.protobuf.Duration estimated_time_remaining = 8;'
expect_contains "$(plain "$(address server)" describe .google.protobuf.Duration)" 'int64 seconds = 1;'
# The file as written, but for its comments, which the server does not know.
plain -proto-out-dir "$scratch/told" "$(address server)" describe "$service" >/dev/null
protoc -I "$scratch/told" --descriptor_set_out="$scratch/told.pb" comfyui/jobstatus/v1/job_status.proto
protoc -I "$SOURCE_DIR/proto" --descriptor_set_out="$scratch/ours.pb" comfyui/jobstatus/v1/job_status.proto
cmp "$scratch/told.pb" "$scratch/ours.pb" || fail "the server tells of another job_status.proto than ours"

say "calls"
submit by-grpcurl
expect_contains "$(call WatchStatus '{"job_ids": ["by-grpcurl"]}')" JOB_STATE_COMPLETED
expect_contains "$(call GetStatus '{"job_id": "by-grpcurl"}')" '"state": "JOB_STATE_COMPLETED"'
expect_contains "$(call ListStatuses '{"states": ["JOB_STATE_COMPLETED"]}')" '"jobId": "by-grpcurl"'
expect_contains "$(call ListBackends '{}')" '"name": "gpu1"'

say "a watch, until its job ends"
curl -sSf --max-time 10 -o /dev/null --data @- "$(address comfyui)/prompt" <<'END'
{"prompt_id": "endless", "prompt": {
  "1": {"class_type": "KSampler", "inputs": {"steps": 1000000}},
  "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "endless"}}}}
END
call WatchStatus '{"job_ids": ["endless"]}' >"$scratch/watch.log" &
watch_pid=$!
children+=("$watch_pid")
await_words() { # FILE WORDS
  local tries
  for ((tries = 0; tries < 400; ++tries)); do
    ! grep -q "$2" "$1" || return 0
    sleep 0.05
  done
  fail "\"$2\" does not come: $(cat "$1")"
}
await_words "$scratch/watch.log" JOB_STATE_PROCESSING
curl -sSf --max-time 10 -X POST "$(address comfyui)/interrupt"
wait "$watch_pid" || fail "the watch ended with $?: $(cat "$scratch/watch.log")"
expect_contains "$(grep '"state"' "$scratch/watch.log" | tail -1)" JOB_STATE_CANCELLED
expect_contains "$(cat "$scratch/watch.log")" ERROR_REASON_INTERRUPTED

say "errors"
# refused COMMAND ARGUMENT ARGUMENT WORDS...: that it fails, and says these words.
refused() {
  ! said=$("${@:1:3}") || fail "$* succeeded: $said"
  for words in "${@:4}"; do expect_contains "$said" "$words"; done
}
refused call GetStatus '{"job_id": "nobody-knows-it"}' 'Code: NotFound' google.rpc.ErrorInfo '"reason": "JOB_NOT_FOUND"' \
  '"job_id": "nobody-knows-it"'
refused call GetStatus '{}' 'Code: InvalidArgument' google.rpc.BadRequest '"field": "job_id"'
refused call ListBackends '{"no_such_field": 1}' no_such_field

say "TLS and a token"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost \
  -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>"$scratch/log" ||
  fail "$(cat "$scratch/log")"
(umask 077 && openssl rand -hex 32 >"$scratch/tokens")
start safe_server "$scratch/bin/jobstatus-server" --listen 127.0.0.1:0 --state-dir none --backend "gpu1=$(address comfyui)" \
  --tls-cert "$scratch/cert.pem" --tls-key "$scratch/key.pem" --token-file "$scratch/tokens"
safely() { timeout 60 grpcurl -cacert "$scratch/cert.pem" "$@" "$(address safe_server)" "$service/ListBackends" 2>&1; }
token="authorization: Bearer $(cat "$scratch/tokens")"
expect_contains "$(safely -H "$token")" '"name": "gpu1"'
refused safely -H 'authorization: Bearer of-somebody-else-0123456789' Unauthenticated
# Who asks by the .proto instead of the server's word is told the reason.
by_proto() { safely -import-path "$SOURCE_DIR/proto" -proto comfyui/jobstatus/v1/job_status.proto -proto "$1" "${@:2}"; }
refused by_proto google/rpc/error_details.proto -v 'Code: Unauthenticated' '"reason": "UNAUTHENTICATED"'
! said=$(timeout 60 grpcurl "$(address safe_server)" list 2>&1) || fail "it trusts any certificate: $said"
expect_contains "$said" certificate

say "buf curl"
command -v buf >/dev/null || skip "there is no buf, so buf curl was not tried; grpcurl was, and works"
buf_curl() { timeout 60 buf curl --protocol grpc --http2-prior-knowledge "$@" 2>&1; }
expect_contains "$(buf_curl --list-methods "http://$(address server)")" "$service/WatchStatus"
expect_contains "$(buf_curl -d '{"job_id": "by-grpcurl"}' "http://$(address server)/$service/GetStatus")" JOB_STATE_COMPLETED
expect_contains "$(buf_curl -d '{"job_ids": ["by-grpcurl"]}' "http://$(address server)/$service/WatchStatus")" JOB_STATE_COMPLETED
expect_contains "$(timeout 60 buf curl --protocol grpc --cacert "$scratch/cert.pem" --header "$token" --reflect-header "$token" \
  "https://$(address safe_server)/$service/ListBackends" 2>&1)" '"name": "gpu1"'
