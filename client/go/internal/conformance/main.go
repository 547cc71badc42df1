// The conformance runner of the Go client; tests/conformance/README.md says what it reads and prints.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"slices"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	jobstatus "jobstatus.comfyui/go"
	"jobstatus.comfyui/go/jobstatusv1"
)

type command struct {
	Command, Method string
	Connect         struct {
		Target, CAFile, CertFile, KeyFile, Token string
		TLS                                      bool
	}
	Request   json.RawMessage
	TimeoutMs int64
}

type described struct {
	Code          string            `json:"code"`
	Reason        jobstatus.Reason  `json:"reason,omitempty"`
	Message       string            `json:"message"`
	Metadata      map[string]string `json:"metadata,omitempty"`
	InvalidFields []string          `json:"invalidFields,omitempty"`
	RetryAfterMs  *int64            `json:"retryAfterMs,omitempty"`
	RequestID     string            `json:"requestId,omitempty"`
	LastStatus    json.RawMessage   `json:"lastStatus,omitempty"`
}

type event struct {
	Event   string          `json:"event"`
	Status  json.RawMessage `json:"status,omitempty"`
	Backend json.RawMessage `json:"backend,omitempty"`
	Error   *described      `json:"error,omitempty"`
}

func tell(event event) {
	line := must(json.Marshal(event))
	must(os.Stdout.Write(append(line, '\n')))
}

func must[T any](value T, err error) T {
	if err != nil {
		log.Panic(err)
	}
	return value
}

func toJSON(message proto.Message) json.RawMessage { return must(protojson.Marshal(message)) }

func fromJSON[Message proto.Message](text json.RawMessage, message Message) Message {
	if err := protojson.Unmarshal(text, message); err != nil {
		log.Panicf("%v: %s", err, text)
	}
	return message
}

// calls reads stdin to its end: calls come from the channel, cancel goes to the call under way.
type calls struct {
	commands chan command
	mutex    sync.Mutex
	cancel   context.CancelFunc // of the call under way, or of the one before; guarded by mutex
}

func (c *calls) read() {
	defer close(c.commands)
	for lines := bufio.NewReader(os.Stdin); ; {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return
		}
		var read command
		if err := errors.Join(err, json.Unmarshal(line, &read)); err != nil {
			log.Panicf("%v: %s", err, line)
		}
		if read.Command == "cancel" {
			c.mutex.Lock()
			c.cancel()
			c.mutex.Unlock()
		} else {
			c.commands <- read
		}
	}
}

func (c *calls) begin(call command) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(call.TimeoutMs)*time.Millisecond)
	c.mutex.Lock()
	c.cancel = cancel
	c.mutex.Unlock()
	return ctx, cancel
}

func play(ctx context.Context, call command) error {
	connect := call.Connect
	client, err := jobstatus.NewClient(connect.Target, &jobstatus.Options{
		TLS: connect.TLS, CAFile: connect.CAFile, CertFile: connect.CertFile, KeyFile: connect.KeyFile, Token: connect.Token,
	})
	if err != nil {
		return err
	}
	defer client.Close()

	tellStatus := func(status *jobstatus.JobStatus, err error) error {
		if err == nil {
			tell(event{Event: "status", Status: toJSON(status)})
		}
		return err
	}
	switch call.Method {
	case "GetStatus":
		request := fromJSON(call.Request, &jobstatusv1.GetStatusRequest{})
		return tellStatus(client.GetStatus(ctx, request.JobId, request.Backend))
	case "WaitForCompletion":
		request := fromJSON(call.Request, &jobstatusv1.WatchStatusRequest{})
		return tellStatus(client.WaitForCompletion(ctx, request.JobIds[0], watchOptions(request)))
	case "WatchStatus":
		request := fromJSON(call.Request, &jobstatusv1.WatchStatusRequest{})
		for status, err := range client.Watch(ctx, request.JobIds, watchOptions(request)) {
			if err := tellStatus(status, err); err != nil {
				return err
			}
		}
	case "ListStatuses":
		request := fromJSON(call.Request, &jobstatusv1.ListStatusesRequest{})
		for status, err := range client.ListStatuses(ctx, &jobstatus.ListOptions{
			Backend: request.Backend, States: request.States, PageSize: request.PageSize, PageToken: request.PageToken,
		}) {
			if err := tellStatus(status, err); err != nil {
				return err
			}
		}
	case "ListBackends":
		backends, err := client.ListBackends(ctx)
		for _, backend := range backends {
			tell(event{Event: "backend", Backend: toJSON(backend)})
		}
		return err
	default:
		return fmt.Errorf("no such method: %s", call.Method)
	}
	return nil
}

func watchOptions(request *jobstatusv1.WatchStatusRequest) *jobstatus.WatchOptions {
	return &jobstatus.WatchOptions{
		Backend:       request.Backend,
		AfterRevision: request.AfterRevision,
		MinInterval:   request.MinInterval.AsDuration(),
		WaitForJob:    request.WaitForJob.AsDuration(),
		OnRetry:       func(*jobstatus.Error, time.Duration) { tell(event{Event: "retry"}) },
	}
}

func describe(err error) *described {
	if err == nil {
		return nil
	}
	var told *jobstatus.Error
	if !errors.As(err, &told) {
		log.Panic(err)
	}
	result := &described{
		Code:      code.Code_name[int32(told.Code)],
		Reason:    told.Reason,
		Message:   told.Message,
		Metadata:  told.Metadata,
		RequestID: told.RequestID,
	}
	for field := range told.InvalidFields {
		result.InvalidFields = append(result.InvalidFields, field)
	}
	slices.Sort(result.InvalidFields)
	if told.RetryAfter != nil {
		after := told.RetryAfter.Milliseconds()
		result.RetryAfterMs = &after
	}
	if told.LastStatus != nil {
		result.LastStatus = toJSON(told.LastStatus)
	}
	return result
}

func main() {
	calls := calls{commands: make(chan command), cancel: func() {}}
	go calls.read()
	for call := range calls.commands {
		ctx, cancel := calls.begin(call)
		err := play(ctx, call)
		cancel()
		tell(event{Event: "end", Error: describe(err)})
	}
}
