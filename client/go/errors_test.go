package jobstatus

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// rpcError is what gRPC returns.
func rpcError(t *testing.T, code codes.Code, details ...protoadapt.MessageV1) error {
	t.Helper()
	made, err := status.New(code, "words").WithDetails(details...)
	if err != nil {
		t.Fatal(err)
	}
	return made.Err()
}

func TestDetailsBecomeMembers(t *testing.T) {
	got := errorOf(context.Background(), rpcError(t, codes.Unavailable,
		&errdetails.ErrorInfo{
			Reason: "BACKEND_UNREACHABLE", Domain: "jobstatus.comfyui", Metadata: map[string]string{"backend": "gpu", "job_id": "x"},
		},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(1500 * time.Millisecond)},
		&errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "job_id", Description: "is empty"}}},
		&errdetails.RequestInfo{RequestId: "abc"},
	))
	want := &Error{
		Code:          codes.Unavailable,
		Reason:        ErrBackendUnreachable,
		Message:       "words",
		Metadata:      map[string]string{"backend": "gpu", "job_id": "x"},
		InvalidFields: map[string]string{"job_id": "is empty"},
		RetryAfter:    after(1.5),
		RequestID:     "abc",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %#v", got)
	}
	if got.Error() != "BACKEND_UNREACHABLE: words" {
		t.Errorf("reads %q", got.Error())
	}
}

func TestAnErrorIsFoundByItsReason(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "JOB_NOT_FOUND", Domain: "jobstatus.comfyui"}
	err := fmt.Errorf("wrapped: %w", errorOf(context.Background(), rpcError(t, codes.NotFound, info)))
	if !errors.Is(err, ErrJobNotFound) || errors.Is(err, ErrBackendNotFound) {
		t.Errorf("%v is not the reason alone", err)
	}
	var found *Error
	if !errors.As(err, &found) || found.Reason != ErrJobNotFound {
		t.Errorf("found %v", found)
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("gRPC says %v", status.Code(err))
	}
}

func TestAReasonOfTomorrowIsOneToo(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "NEW", Domain: "jobstatus.comfyui"}
	if err := errorOf(context.Background(), rpcError(t, codes.Unavailable, info)); !errors.Is(err, Reason("NEW")) {
		t.Errorf("got %v", err)
	}
}

func TestAReasonOfSomebodyElseIsNotTakenForOurs(t *testing.T) {
	info := &errdetails.ErrorInfo{Reason: "JOB_NOT_FOUND", Domain: "proxy.example", Metadata: map[string]string{"a": "b"}}
	err := errorOf(context.Background(), rpcError(t, codes.NotFound, info))
	if want := (&Error{Code: codes.NotFound, Message: "words"}); !reflect.DeepEqual(err, want) {
		t.Errorf("got %#v", err)
	}
}

func TestDetailsThatAreGarbageAreLeftOut(t *testing.T) {
	garbage := &anypb.Any{TypeUrl: "type.googleapis.com/google.rpc.ErrorInfo", Value: []byte{0xff}}
	rpc := status.ErrorProto(&spb.Status{Code: int32(codes.Internal), Message: "words", Details: []*anypb.Any{garbage}})
	err := errorOf(context.Background(), rpc)
	if want := (&Error{Code: codes.Internal, Message: "words"}); !reflect.DeepEqual(err, want) {
		t.Errorf("got %#v", err)
	}
	if err.Error() != "Internal: words" {
		t.Errorf("reads %q", err.Error())
	}
}

func TestACallThatWasCancelledSaysByWhat(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("the user left")
	cancel(why)
	err := errorOf(ctx, status.FromContextError(ctx.Err()).Err())
	if err.Code != codes.Canceled || !errors.Is(err, why) {
		t.Errorf("got %v, of %v", err, errors.Unwrap(err))
	}
	cancelled, cancel2 := context.WithCancel(context.Background())
	cancel2()
	if err := errorOfContext(cancelled); !errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestTimeThatIsOverIsTheContextsError(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	for name, err := range map[string]*Error{
		"here":           errorOfContext(ctx),
		"at the service": errorOf(context.Background(), status.Error(codes.DeadlineExceeded, "words")),
	} {
		if err.Code != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestWhatTheServiceSaidBeforeTheTimeWasOverIsToldAllTheSame(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 0)
	defer cancel()
	info := &errdetails.ErrorInfo{Reason: "JOB_NOT_FOUND", Domain: "jobstatus.comfyui"}
	if err := errorOf(ctx, rpcError(t, codes.NotFound, info)); !errors.Is(err, ErrJobNotFound) {
		t.Errorf("got %v", err)
	}
}
