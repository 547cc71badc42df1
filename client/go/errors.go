package jobstatus

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const domain = "jobstatus.comfyui"

// Reason is what the service itself says is wrong. It can be given to errors.Is:
//
//	if errors.Is(err, jobstatus.ErrJobNotFound) { … }
//
// The service may have reasons that are not among the constants here.
type Reason string

// The reasons that the service gives.
const (
	// ErrJobNotFound: every ComfyUI server was asked, and none has the job.
	ErrJobNotFound Reason = "JOB_NOT_FOUND"
	// ErrBackendNotFound: no ComfyUI server is configured under that name.
	ErrBackendNotFound Reason = "BACKEND_NOT_FOUND"
	// ErrInvalidArgument: the request is wrong; Error.InvalidFields says what.
	ErrInvalidArgument Reason = "INVALID_ARGUMENT"
	// ErrUnauthenticated: the token is missing or wrong.
	ErrUnauthenticated Reason = "UNAUTHENTICATED"
	// ErrBackendTimeout: the job is not known, and a ComfyUI server did not answer in time.
	ErrBackendTimeout Reason = "BACKEND_TIMEOUT"
	// ErrBackendUnreachable: the job is not known, and a ComfyUI server could not be reached.
	ErrBackendUnreachable Reason = "BACKEND_UNREACHABLE"
	// ErrBackendHTTPError: a ComfyUI server answered with an error; Error.Metadata["http_status"] says which.
	ErrBackendHTTPError Reason = "BACKEND_HTTP_ERROR"
	// ErrBackendBadResponse: a ComfyUI server answered with what ComfyUI does not send.
	ErrBackendBadResponse Reason = "BACKEND_BAD_RESPONSE"
	// ErrArchiveUnavailable: the job is not known, and the service cannot read its archive.
	ErrArchiveUnavailable Reason = "ARCHIVE_UNAVAILABLE"
	// ErrTooManyLookups: the job is not known, and too many such jobs were looked up of late.
	ErrTooManyLookups Reason = "TOO_MANY_LOOKUPS"
	// ErrTooManyWatches: the service has as many streams as it takes.
	ErrTooManyWatches Reason = "TOO_MANY_WATCHES"
	// ErrConnectionAge: the connection is old enough. Watches come back by themselves, as of the next two.
	ErrConnectionAge Reason = "CONNECTION_AGE"
	// ErrShuttingDown: the service is going down.
	ErrShuttingDown Reason = "SHUTTING_DOWN"
	// ErrWriteStalled: the reader of a watch took nothing for too long.
	ErrWriteStalled Reason = "WRITE_STALLED"
)

// Error is the reason as the service spells it.
func (r Reason) Error() string { return string(r) }

// Error is what the service or the network made of a call. errors.Is tells its Reason; and context.Canceled and
// context.DeadlineExceeded, when the call was cancelled or its time is over. gRPC's status.FromError and status.Code take it, too.
type Error struct {
	// Code is gRPC's.
	Code codes.Code
	// Reason is empty when the service did not make the error: the connection failed, the deadline passed.
	Reason Reason
	// Message is for a person; its wording may change.
	Message string
	// Metadata has "backend", "job_id", "http_status", "limit", where they apply.
	Metadata map[string]string
	// InvalidFields says of ErrInvalidArgument what is wrong, by the name of the request's field.
	InvalidFields map[string]string
	// RetryAfter: trying again helps, but not earlier than after that time. Nil: the service did not say so.
	RetryAfter *time.Duration
	// RequestID is the call's in the service's log. Empty when the service did not make the error.
	RequestID string
	// LastStatus of a watch or a wait is the last status received before it ended. Nil: there was none.
	LastStatus *JobStatus

	cause error // why the call's context ended
}

// Error says the reason, or gRPC's code when there is none, and the message.
func (e *Error) Error() string {
	what := string(e.Reason)
	if what == "" {
		what = e.Code.String()
	}
	return fmt.Sprintf("%s: %s", what, e.Message)
}

// Is tells whether target is the error's Reason, or context.DeadlineExceeded and the time was over, here or at the service.
func (e *Error) Is(target error) bool {
	if reason, ok := target.(Reason); ok {
		return e.Reason == reason
	}
	return target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded
}

// Unwrap returns why the context of the call ended; nil when it did not.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus lets gRPC's status package see code and message.
func (e *Error) GRPCStatus() *status.Status { return status.New(e.Code, e.Message) }

// errorOf makes an Error of what gRPC returned of a call with this context.
func errorOf(ctx context.Context, err error) *Error {
	if ctx.Err() != nil {
		if code := status.Code(err); code == codes.Canceled || code == codes.DeadlineExceeded {
			return errorOfContext(ctx)
		}
	}
	rpc := status.Convert(err)
	result := &Error{Code: rpc.Code(), Message: rpc.Message()}
	for _, detail := range rpc.Details() { // what is not protobuf, perhaps a proxy's, is an error among them
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.Domain == domain {
				result.Reason, result.Metadata = Reason(detail.Reason), detail.Metadata
			}
		case *errdetails.RetryInfo:
			after := detail.RetryDelay.AsDuration()
			result.RetryAfter = &after
		case *errdetails.RequestInfo:
			result.RequestID = detail.RequestId
		case *errdetails.BadRequest:
			result.InvalidFields = make(map[string]string)
			for _, violation := range detail.FieldViolations {
				result.InvalidFields[violation.Field] = violation.Description
			}
		}
	}
	return result
}

// errorOfContext makes an Error of a context that has ended.
func errorOfContext(ctx context.Context) *Error {
	if ctx.Err() == context.DeadlineExceeded {
		return &Error{Code: codes.DeadlineExceeded, Message: "not finished within the time given", cause: context.Cause(ctx)}
	}
	return &Error{Code: codes.Canceled, Message: "the call was cancelled", cause: context.Cause(ctx)}
}
