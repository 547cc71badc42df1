package jobstatus

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	"jobstatus.comfyui/go/jobstatusv1"
)

func at(number float64) time.Time { return time.Unix(100, 0).Add(seconds(number)[0]) }

func flowOf(options WatchOptions, jobIDs ...string) *watchFlow {
	return newWatchFlow(jobIDs, options, newWaits(Backoff{time.Second, 8 * time.Second, 2}, always(1)), at(0))
}

func told(jobID string, state JobState, revision uint64) *jobstatusv1.WatchStatusResponse {
	return &jobstatusv1.WatchStatusResponse{
		Status: &JobStatus{JobId: jobID, State: state, Revision: revision}, Revision: revision,
	}
}

func heartbeat(revision uint64) *jobstatusv1.WatchStatusResponse {
	return &jobstatusv1.WatchStatusResponse{Revision: revision}
}

func away() *Error { return &Error{Code: codes.Unavailable, Message: "away"} }

func wantJobs(t *testing.T, request *jobstatusv1.WatchStatusRequest, want ...string) {
	t.Helper()
	if !slices.Equal(request.JobIds, want) {
		t.Errorf("asks for %v, not %v", request.JobIds, want)
	}
}

func wantAgain(t *testing.T, flow *watchFlow, err *Error, want time.Duration) {
	t.Helper()
	if flow.isOver(err) {
		t.Errorf("over with %v", err)
	}
	if wait, again := flow.again(err); !again || wait != want {
		t.Errorf("after %v: again is %v, in %v", err, again, wait)
	}
}

func wantEnd(t *testing.T, flow *watchFlow, err *Error) {
	t.Helper()
	if flow.isOver(err) {
		t.Errorf("%v counts as a good end", err)
	}
	if _, again := flow.again(err); again {
		t.Errorf("tries again after %v", err)
	}
}

func TestAWatchThatWasLostGoesOnFromTheLastRevision(t *testing.T) {
	flow := flowOf(WatchOptions{AfterRevision: 3}, "a")
	if got := flow.attach(at(0)).AfterRevision; got != 3 {
		t.Errorf("begins after %d", got)
	}
	flow.onMessage(told("a", Queued, 5))
	flow.onMessage(heartbeat(9))
	wantAgain(t, flow, away(), time.Second)
	if got := flow.attach(at(1)).AfterRevision; got != 9 {
		t.Errorf("goes on after %d", got)
	}
}

func TestWhatWasAskedForIsAskedForAgain(t *testing.T) {
	flow := flowOf(WatchOptions{Backend: "gpu", MinInterval: 2 * time.Second}, "a")
	for range 2 {
		request := flow.attach(at(0))
		if request.Backend != "gpu" || request.MinInterval.AsDuration() != 2*time.Second {
			t.Errorf("asks for %v", request)
		}
	}
}

func TestJobsThatHaveEndedAreNotAskedForAgain(t *testing.T) {
	flow := flowOf(WatchOptions{}, "a", "b")
	wantJobs(t, flow.attach(at(0)), "a", "b")
	flow.onMessage(told("a", Completed, 5))
	wantJobs(t, flow.attach(at(1)), "b")
}

func TestALostJobThatIsSeenAgainIsAskedForAgain(t *testing.T) {
	flow := flowOf(WatchOptions{}, "a", "b")
	flow.onMessage(told("a", Lost, 5))
	wantJobs(t, flow.attach(at(1)), "b")
	flow.onMessage(told("a", Processing, 6))
	wantJobs(t, flow.attach(at(2)), "a", "b")
}

func TestAStreamThatBreaksAfterTheLastJobEndedIsOver(t *testing.T) {
	flow := flowOf(WatchOptions{}, "a", "b")
	flow.onMessage(told("a", Failed, 5))
	if flow.isOver(away()) {
		t.Error("over before b has ended")
	}
	flow.onMessage(told("b", Completed, 6))
	if !flow.isOver(away()) {
		t.Error("not over")
	}
}

func TestAStreamThatEndsWithOKIsOver(t *testing.T) {
	if !flowOf(WatchOptions{}, "a").isOver(nil) {
		t.Error("not over")
	}
}

func TestWaitsGrowUntilSomethingIsHeard(t *testing.T) {
	flow := flowOf(WatchOptions{}, "a")
	for _, wait := range seconds(1, 2, 4) {
		wantAgain(t, flow, away(), wait)
	}
	flow.onMessage(heartbeat(1))
	wantAgain(t, flow, away(), time.Second)
}

func TestTheServiceSaysWhenToComeBack(t *testing.T) {
	err := away()
	err.RetryAfter = after(4)
	wantAgain(t, flowOf(WatchOptions{}, "a"), err, 5*time.Second)
}

func TestTryingAgainHelpsAgainst(t *testing.T) {
	for name, err := range map[string]*Error{
		"a service that is away":           {Code: codes.Unavailable},
		"a reader that was too slow":       {Code: codes.ResourceExhausted, Reason: ErrWriteStalled},
		"the same, without details":        {Code: codes.ResourceExhausted},
		"too many watches, for the moment": {Code: codes.ResourceExhausted, Reason: ErrTooManyWatches, RetryAfter: after(0)},
		"a service that is shutting down":  {Code: codes.Canceled},
		"a stream that was reset":          {Code: codes.Internal, Message: "stream terminated by RST_STREAM with error code: INTERNAL_ERROR"},
		"a connection that was closed":     {Code: codes.Unknown, Message: "GOAWAY received"},
		"a stream without an end":          {Code: codes.Internal, Message: "server closed the stream without sending trailers"},
		"half a message":                   {Code: codes.Internal, Message: "unexpected EOF"},
	} {
		t.Run(name, func(t *testing.T) { wantAgain(t, flowOf(WatchOptions{}, "a"), err, time.Second) })
	}
}

func TestTryingAgainDoesNotHelpAgainst(t *testing.T) {
	for name, err := range map[string]*Error{
		"a job nobody has":             {Code: codes.NotFound, Reason: ErrJobNotFound},
		"a request that is wrong":      {Code: codes.InvalidArgument, Reason: ErrInvalidArgument},
		"a token that is wrong":        {Code: codes.Unauthenticated, Reason: ErrUnauthenticated},
		"too many watches, for long":   {Code: codes.ResourceExhausted, Reason: ErrTooManyWatches},
		"an error of the service":      {Code: codes.Internal, Reason: ErrBackendBadResponse, Message: "RST_STREAM"},
		"an error of somebody else":    {Code: codes.Internal, Message: "something"},
		"a service of another kind":    {Code: codes.Unimplemented},
		"a deadline the service keeps": {Code: codes.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) { wantEnd(t, flowOf(WatchOptions{}, "a"), err) })
	}
}

func TestWhoFailsFastDoesSoUntilSomethingIsHeard(t *testing.T) {
	flow := flowOf(WatchOptions{FailFast: true}, "a")
	wantEnd(t, flow, away())
	flow.onMessage(heartbeat(1))
	wantAgain(t, flow, away(), time.Second)
}

func TestAJobMayStayUnknownForAsLongAsSaidCountedFromTheStart(t *testing.T) {
	flow := flowOf(WatchOptions{WaitForJob: 30 * time.Second}, "a")
	for _, test := range []struct {
		second float64
		want   time.Duration
	}{{0, 30 * time.Second}, {10, 20 * time.Second}, {29, 5 * time.Second}} {
		if got := flow.attach(at(test.second)).WaitForJob.AsDuration(); got != test.want {
			t.Errorf("after %v s it may stay unknown for %v", test.second, got)
		}
	}
}

func TestAServiceThatWasAwayIsGivenAMomentToLearnOfTheJob(t *testing.T) {
	flow := flowOf(WatchOptions{}, "a")
	if got := flow.attach(at(0)).WaitForJob; got != nil {
		t.Errorf("at first the job may stay unknown for %v", got)
	}
	if got := flow.attach(at(10)).WaitForJob.AsDuration(); got != 5*time.Second {
		t.Errorf("then it may stay unknown for %v", got)
	}
}

func TestAWatchOfAllJobsNamesNoneAndHasNoPatience(t *testing.T) {
	flow := flowOf(WatchOptions{WaitForJob: time.Second})
	flow.attach(at(0))
	flow.onMessage(told("a", Completed, 5))
	request := flow.attach(at(1))
	wantJobs(t, request)
	if request.WaitForJob != nil {
		t.Errorf("has patience of %v", request.WaitForJob)
	}
	wantAgain(t, flow, away(), time.Second)
}
