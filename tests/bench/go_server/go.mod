module jobstatus.comfyui/bench/go_server

go 1.24.0

// The versions that client/go/go.mod names.
require (
	google.golang.org/grpc v1.79.3
	google.golang.org/protobuf v1.36.12
	jobstatus.comfyui/go v0.0.0
)

require (
	golang.org/x/net v0.48.0 // indirect
	golang.org/x/sys v0.39.0 // indirect
	golang.org/x/text v0.32.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20251202230838-ff82c1b0f217 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20251202230838-ff82c1b0f217 // indirect
)

replace jobstatus.comfyui/go => ../../../client/go
