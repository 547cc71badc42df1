package jobstatus_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/durationpb"

	jobstatus "jobstatus.comfyui/go"
	"jobstatus.comfyui/go/jobstatusv1"
)

// What the real service does too seldom to wait for: a service in this process that does as each test says.

const patience = time.Minute // for what should happen at once

type (
	stream     = grpc.ServerStreamingServer[jobstatusv1.WatchStatusResponse]
	watching   = func(request *jobstatusv1.WatchStatusRequest, stream stream) error
	getting    = func(ctx context.Context) (*jobstatusv1.GetStatusResponse, error)
	oneRequest struct {
		*jobstatusv1.WatchStatusRequest
		metadata metadata.MD
	}
)

type scripted struct {
	jobstatusv1.UnimplementedJobStatusServiceServer
	client   *jobstatus.Client
	watches  chan watching // one for each call
	gets     chan getting  // one for each call
	requests chan oneRequest
	left     chan struct{} // one for each call of silent that its caller has left

	mutex       sync.Mutex
	connections []net.Conn
}

func (s *scripted) GetStatus(ctx context.Context, _ *jobstatusv1.GetStatusRequest) (*jobstatusv1.GetStatusResponse, error) {
	return (<-s.gets)(ctx)
}

func (s *scripted) WatchStatus(request *jobstatusv1.WatchStatusRequest, stream stream) error {
	sent, _ := metadata.FromIncomingContext(stream.Context())
	s.requests <- oneRequest{request, sent}
	return (<-s.watches)(request, stream)
}

// Accept makes breakConnections possible.
type listener struct {
	net.Listener
	service *scripted
}

func (l listener) Accept() (net.Conn, error) {
	connection, err := l.Listener.Accept()
	if err == nil {
		l.service.mutex.Lock()
		l.service.connections = append(l.service.connections, connection)
		l.service.mutex.Unlock()
	}
	return connection, err
}

func (s *scripted) breakConnections() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, connection := range s.connections {
		connection.Close()
	}
}

// script starts a service of which each watch does the next of these things, and a client of it that hardly waits.
func script(t *testing.T, options jobstatus.Options, watches ...watching) *scripted {
	t.Helper()
	service := &scripted{
		watches:  make(chan watching, 100),
		gets:     make(chan getting, 100),
		requests: make(chan oneRequest, 100),
		left:     make(chan struct{}, 100),
	}
	for _, watch := range watches {
		service.watches <- watch
	}
	listening, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	jobstatusv1.RegisterJobStatusServiceServer(server, service)
	go server.Serve(listener{listening, service})
	t.Cleanup(server.Stop)
	if options.Backoff == (jobstatus.Backoff{}) {
		options.Backoff = jobstatus.Backoff{Initial: time.Millisecond}
	}
	service.client, err = jobstatus.NewClient(listening.Addr().String(), &options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { service.client.Close() })
	return service
}

// follow watches to the end.
func (s *scripted) follow(t *testing.T, ctx context.Context, options *jobstatus.WatchOptions, jobIDs ...string) []jobstatus.JobState {
	t.Helper()
	var states []jobstatus.JobState
	for status, err := range s.client.Watch(ctx, jobIDs, options) {
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, status.State)
	}
	return states
}

func (s *scripted) wantLeft(t *testing.T) {
	t.Helper()
	select {
	case <-s.left:
	case <-time.After(patience):
		t.Fatal("the service still has the call")
	}
}

func failure(code codes.Code, details ...protoadapt.MessageV1) error {
	made, err := status.New(code, "as scripted").WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return made.Err()
}

func fails(code codes.Code, details ...protoadapt.MessageV1) watching {
	return func(*jobstatusv1.WatchStatusRequest, stream) error { return failure(code, details...) }
}

func tell(stream stream, jobID string, state jobstatus.JobState, revision uint64) error {
	status := &jobstatus.JobStatus{JobId: jobID, State: state, Revision: revision}
	return stream.Send(&jobstatusv1.WatchStatusResponse{Status: status, Revision: revision})
}

// silent tells one status, and then nothing until the caller leaves.
func (s *scripted) silent(_ *jobstatusv1.WatchStatusRequest, stream stream) error {
	if err := tell(stream, "a", jobstatus.Processing, 7); err != nil {
		return err
	}
	<-stream.Context().Done()
	s.left <- struct{}{}
	return stream.Context().Err()
}

func completes(_ *jobstatusv1.WatchStatusRequest, stream stream) error {
	return tell(stream, "a", jobstatus.Completed, 8)
}

func wantStates(t *testing.T, got []jobstatus.JobState, want ...jobstatus.JobState) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("told %v, not %v", got, want)
	}
}

func TestAConnectionThatBreaksIsMadeAgainAndTheWatchGoesOnFromTheLastRevision(t *testing.T) {
	service := script(t, jobstatus.Options{})
	service.watches <- service.silent
	service.watches <- completes
	var states []jobstatus.JobState
	var retries []*jobstatus.Error
	options := &jobstatus.WatchOptions{OnRetry: func(err *jobstatus.Error, _ time.Duration) { retries = append(retries, err) }}
	for status, err := range service.client.Watch(context.Background(), []string{"a"}, options) {
		if err != nil {
			t.Fatal(err)
		}
		if states = append(states, status.State); status.State == jobstatus.Processing {
			service.breakConnections()
		}
	}
	wantStates(t, states, jobstatus.Processing, jobstatus.Completed)
	if len(retries) == 0 || retries[0].Code != codes.Unavailable {
		t.Errorf("retries: %v", retries)
	}
	if first, second := <-service.requests, <-service.requests; first.AfterRevision != 0 || second.AfterRevision != 7 {
		t.Errorf("asked for what is after %d, then %d", first.AfterRevision, second.AfterRevision)
	}
}

func TestAServiceThatGoesSilentIsCalledAgainFromTheLastRevision(t *testing.T) {
	service := script(t, jobstatus.Options{SilenceLimit: 200 * time.Millisecond})
	for range cap(service.watches) {
		service.watches <- func(request *jobstatusv1.WatchStatusRequest, stream stream) error {
			if request.AfterRevision == 7 {
				return completes(request, stream)
			}
			return service.silent(request, stream)
		}
	}
	var retries []*jobstatus.Error
	states := service.follow(t, context.Background(), &jobstatus.WatchOptions{
		OnRetry: func(err *jobstatus.Error, _ time.Duration) { retries = append(retries, err) },
	}, "a")
	wantStates(t, states, jobstatus.Processing, jobstatus.Completed)
	if len(retries) == 0 {
		t.Error("nobody was told of a retry")
	}
	for _, err := range retries {
		if err.Message != "the service went silent" || err.Code != codes.Unavailable {
			t.Errorf("retried because of %v", err)
		}
	}
	service.wantLeft(t)
}

func TestWhatTheCallerDoesMeanwhileIsNotTheServicesSilence(t *testing.T) {
	limit := 50 * time.Millisecond
	service := script(t, jobstatus.Options{SilenceLimit: limit})
	calls := make(chan context.Context, cap(service.watches)) // the nth of them tells revision n
	for n := range cap(service.watches) {
		service.watches <- func(_ *jobstatusv1.WatchStatusRequest, stream stream) error {
			calls <- stream.Context()
			if err := tell(stream, "a", jobstatus.Processing, uint64(n+1)); err != nil {
				return err
			}
			<-stream.Context().Done()
			return stream.Context().Err()
		}
	}
	for status, err := range service.client.Watch(context.Background(), []string{"a"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		var call context.Context
		for range status.Revision {
			call = <-calls
		}
		select {
		case <-call.Done():
			t.Error("the watch left while its caller was busy")
		case <-time.After(4 * limit): // nothing happens, which can only be waited for
		}
		break
	}
}

func TestAWatchComesBackNotEarlierThanTheServiceSays(t *testing.T) {
	service := script(t, jobstatus.Options{}, fails(codes.Unavailable,
		&errdetails.ErrorInfo{Reason: "SHUTTING_DOWN", Domain: "jobstatus.comfyui"},
		&errdetails.RetryInfo{RetryDelay: durationpb.New(400 * time.Millisecond)}), completes)
	var told []*jobstatus.Error
	var wait time.Duration
	service.follow(t, context.Background(), &jobstatus.WatchOptions{
		OnRetry: func(err *jobstatus.Error, in time.Duration) { told, wait = append(told, err), in },
	}, "a")
	if len(told) != 1 || !errors.Is(told[0], jobstatus.ErrShuttingDown) {
		t.Fatalf("told %v", told)
	}
	if wait < 400*time.Millisecond || wait > 500*time.Millisecond {
		t.Errorf("waits %v", wait)
	}
}

func TestJobsThatHaveEndedAreLeftOutWhenAWatchComesBack(t *testing.T) {
	service := script(t, jobstatus.Options{}, func(_ *jobstatusv1.WatchStatusRequest, stream stream) error {
		if err := tell(stream, "a", jobstatus.Completed, 7); err != nil {
			return err
		}
		return failure(codes.Unavailable)
	}, func(_ *jobstatusv1.WatchStatusRequest, stream stream) error {
		return tell(stream, "b", jobstatus.Failed, 8)
	})
	wantStates(t, service.follow(t, context.Background(), nil, "a", "b"), jobstatus.Completed, jobstatus.Failed)
	if first, second := <-service.requests, <-service.requests; !slices.Equal(first.JobIds, []string{"a", "b"}) ||
		!slices.Equal(second.JobIds, []string{"b"}) {
		t.Errorf("asked for %v, then %v", first.JobIds, second.JobIds)
	}
}

func TestEachLoopIsAWatchOfItsOwn(t *testing.T) {
	service := script(t, jobstatus.Options{}, completes, completes)
	watch := service.client.Watch(context.Background(), []string{"a"}, nil)
	for range 2 {
		for range watch {
		}
		if request := <-service.requests; request.AfterRevision != 0 || !slices.Equal(request.JobIds, []string{"a"}) {
			t.Errorf("asked for %v", request)
		}
	}
}

func TestTokenAndMetadataGoWithEachAttempt(t *testing.T) {
	options := jobstatus.Options{Token: "sesame", Metadata: map[string]string{"x-request-id": "mine"}}
	service := script(t, options, fails(codes.Unavailable), completes)
	service.follow(t, metadata.AppendToOutgoingContext(context.Background(), "x-own", "callers"), nil, "a")
	for range 2 {
		sent := (<-service.requests).metadata
		for name, want := range map[string]string{"authorization": "Bearer sesame", "x-request-id": "mine", "x-own": "callers"} {
			if got := sent.Get(name); !slices.Equal(got, []string{want}) {
				t.Errorf("%s is %v", name, got)
			}
		}
	}
}

func TestLeavingTheLoopEndsTheWatch(t *testing.T) {
	service := script(t, jobstatus.Options{})
	service.watches <- service.silent
	for range service.client.Watch(context.Background(), []string{"a"}, nil) {
		break
	}
	service.wantLeft(t)
}

func TestAPanicInTheLoopEndsTheWatch(t *testing.T) {
	service := script(t, jobstatus.Options{})
	service.watches <- service.silent
	func() {
		defer func() { recover() }()
		for range service.client.Watch(context.Background(), []string{"a"}, nil) {
			panic("oops")
		}
	}()
	service.wantLeft(t)
}

// watchUntilItEnds calls stop at the first status, and returns the error that comes then.
func (s *scripted) watchUntilItEnds(t *testing.T, ctx context.Context, stop func()) *jobstatus.Error {
	t.Helper()
	var ended *jobstatus.Error
	options := &jobstatus.WatchOptions{OnRetry: func(err *jobstatus.Error, _ time.Duration) { t.Errorf("retries after %v", err) }}
	for status, err := range s.client.Watch(ctx, []string{"a"}, options) {
		switch {
		case ended != nil:
			t.Fatalf("told %v, %v after the error", status, err)
		case err == nil:
			stop()
		case !errors.As(err, &ended):
			t.Fatal(err)
		}
	}
	if ended == nil || ended.LastStatus == nil || ended.LastStatus.Revision != 7 {
		t.Fatalf("ended with %#v", ended)
	}
	return ended
}

func TestCancellingEndsTheWatchAndSaysHowFarTheJobWas(t *testing.T) {
	service := script(t, jobstatus.Options{})
	service.watches <- service.silent
	ctx, cancel := context.WithCancel(context.Background())
	err := service.watchUntilItEnds(t, ctx, cancel)
	if err.Code != codes.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
	service.wantLeft(t)
}

// deadline is a context whose time is over when the test says so.
type deadline struct {
	context.Context
	over chan struct{}
}

func (d deadline) Done() <-chan struct{} { return d.over }
func (d deadline) Err() error {
	select {
	case <-d.over:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

func TestTimeThatIsOverEndsTheWatchAndSaysHowFarTheJobWas(t *testing.T) {
	service := script(t, jobstatus.Options{})
	service.watches <- service.silent
	ctx := deadline{context.Background(), make(chan struct{})}
	err := service.watchUntilItEnds(t, ctx, func() { close(ctx.over) })
	if err.Code != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
	service.wantLeft(t)
}

func TestTimeMayBeOverBetweenTwoAttempts(t *testing.T) {
	service := script(t, jobstatus.Options{Backoff: jobstatus.Backoff{Initial: time.Hour}}, fails(codes.Unavailable))
	ctx := deadline{context.Background(), make(chan struct{})}
	options := &jobstatus.WatchOptions{OnRetry: func(*jobstatus.Error, time.Duration) { close(ctx.over) }}
	if _, err := service.client.WaitForCompletion(ctx, "a", options); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}

func TestTheServiceIsToldTheLimitOfAWatchThatHasOne(t *testing.T) {
	limited := make(chan bool, 2)
	completes := func(request *jobstatusv1.WatchStatusRequest, stream stream) error {
		_, has := stream.Context().Deadline()
		limited <- has
		return completes(request, stream)
	}
	service := script(t, jobstatus.Options{}, completes, completes)
	service.follow(t, context.Background(), nil, "a")
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	service.follow(t, ctx, nil, "a")
	if first, second := <-limited, <-limited; first || !second {
		t.Errorf("without a limit it has one: %v; with one: %v", first, second)
	}
}

func TestAWaitForAJobThatTheServiceStopsTellingOfFails(t *testing.T) {
	service := script(t, jobstatus.Options{}, func(_ *jobstatusv1.WatchStatusRequest, stream stream) error {
		return tell(stream, "a", jobstatus.Processing, 7)
	})
	if status, err := service.client.WaitForCompletion(context.Background(), "a", nil); err == nil {
		t.Errorf("returns %v", status)
	}
}

func TestACallThatIsUnavailableIsMadeAgainAsTheServiceConfigSays(t *testing.T) {
	service := script(t, jobstatus.Options{})
	unavailable := func(context.Context) (*jobstatusv1.GetStatusResponse, error) { return nil, failure(codes.Unavailable) }
	service.gets <- unavailable
	service.gets <- unavailable
	service.gets <- func(context.Context) (*jobstatusv1.GetStatusResponse, error) {
		return &jobstatusv1.GetStatusResponse{Status: &jobstatus.JobStatus{JobId: "a"}}, nil
	}
	if status, err := service.client.GetStatus(context.Background(), "a", ""); err != nil || status.JobId != "a" {
		t.Errorf("returns %v, %v", status, err)
	}
	if len(service.gets) != 0 {
		t.Errorf("%d attempts were not made", len(service.gets))
	}
}

func TestACallThatFailsOtherwiseIsNot(t *testing.T) {
	service := script(t, jobstatus.Options{})
	for range 2 {
		service.gets <- func(context.Context) (*jobstatusv1.GetStatusResponse, error) { return nil, failure(codes.NotFound) }
	}
	if _, err := service.client.GetStatus(context.Background(), "a", ""); status.Code(err) != codes.NotFound {
		t.Errorf("returns %v", err)
	}
	if len(service.gets) != 1 {
		t.Errorf("%d attempts were made", 2-len(service.gets))
	}
}

func TestACallHasTheLimitOfTheServiceConfig(t *testing.T) {
	service := script(t, jobstatus.Options{})
	left := make(chan time.Duration, 1)
	service.gets <- func(ctx context.Context) (*jobstatusv1.GetStatusResponse, error) {
		limit, has := ctx.Deadline()
		if !has {
			return nil, failure(codes.Internal)
		}
		left <- time.Until(limit)
		return &jobstatusv1.GetStatusResponse{}, nil
	}
	if _, err := service.client.GetStatus(context.Background(), "a", ""); err != nil {
		t.Fatal(err)
	}
	if got := <-left; got > 15*time.Second {
		t.Errorf("the service has %v left", got)
	}
}
