#!/usr/bin/env bash
# Makes what is generated and yet committed, as those who use a Go module build nothing first: the stubs, and a copy of
# ../service_config.json that can be embedded. `generate.sh [DIRECTORY]` writes to DIRECTORY (default: here).
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
out=${1:-.}

# The .proto names no package of this module; M does. google/api is in the package that all of Go uses.
packages=(
  Mcomfyui/jobstatus/v1/job_status.proto=jobstatus.comfyui/go/jobstatusv1
  Mgoogle/api/annotations.proto=google.golang.org/genproto/googleapis/api/annotations
  Mgoogle/api/http.proto=google.golang.org/genproto/googleapis/api/annotations
)
protoc --proto_path=../../proto \
  --plugin=protoc-gen-go="$(go tool -n protoc-gen-go)" \
  --plugin=protoc-gen-go-grpc="$(go tool -n protoc-gen-go-grpc)" \
  "${packages[@]/#/--go_opt=}" --go_opt=module=jobstatus.comfyui/go --go_out="$out" \
  "${packages[@]/#/--go-grpc_opt=}" --go-grpc_opt=module=jobstatus.comfyui/go --go-grpc_out="$out" \
  comfyui/jobstatus/v1/job_status.proto
cp ../service_config.json "$out/service_config.json"
