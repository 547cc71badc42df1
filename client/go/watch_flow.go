package jobstatus

import (
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/durationpb"

	"jobstatus.comfyui/go/jobstatusv1"
)

// What a watch does next: pure decisions, without gRPC, goroutines or clocks. Time limits and cancellation are the context's.

// After a restart the service needs a moment to learn again of jobs it had been telling about.
const patienceAfterOutage = 5 * time.Second

// gRPC has no code of its own for a stream that broke under way: it makes up UNKNOWN or INTERNAL, with such words.
var wordsOfBrokenStreams = []string{"RST_STREAM", "GOAWAY", "without sending trailers", "unexpected EOF"}

func isBrokenStream(err *Error) bool {
	switch {
	case err.Reason != "":
		return false
	case err.Code == codes.Canceled: // not by us: from a server that was shutting down when the call reached it
		return true
	case err.Code == codes.Unknown || err.Code == codes.Internal:
		return slices.ContainsFunc(wordsOfBrokenStreams, func(words string) bool { return strings.Contains(err.Message, words) })
	}
	return false
}

func tryingAgainHelps(err *Error) bool {
	switch err.Code {
	case codes.Unavailable:
		return true
	case codes.ResourceExhausted:
		// Without details: this reader was stopped for a while (WRITE_STALLED), and is back. Details would have had to pass the
		// write that was stuck.
		return err.RetryAfter != nil || err.Reason == ErrWriteStalled || err.Reason == ""
	}
	return isBrokenStream(err)
}

// watchFlow is one watch, over any number of attempts. The caller reports what happened and does what it is told.
type watchFlow struct {
	jobIDs         []string
	options        WatchOptions
	waits          *waits
	started        time.Time
	ended          map[string]bool // named jobs whose newest status is terminal
	heard          bool            // any message in any attempt
	attachedBefore bool
	revision       uint64
	lastStatus     *JobStatus
}

func newWatchFlow(jobIDs []string, options WatchOptions, waits *waits, now time.Time) *watchFlow {
	return &watchFlow{
		jobIDs:   jobIDs,
		options:  options,
		waits:    waits,
		started:  now,
		ended:    make(map[string]bool),
		revision: options.AfterRevision,
	}
}

// attach begins an attempt: what to ask the service for.
func (f *watchFlow) attach(now time.Time) *jobstatusv1.WatchStatusRequest {
	request := &jobstatusv1.WatchStatusRequest{Backend: f.options.Backend, AfterRevision: f.revision}
	for _, jobID := range f.jobIDs {
		// A restarted service may have forgotten a job that has ended; naming it again would end the watch of the others.
		if !f.ended[jobID] {
			request.JobIds = append(request.JobIds, jobID)
		}
	}
	if f.options.MinInterval != 0 {
		request.MinInterval = durationpb.New(f.options.MinInterval)
	}
	patience := f.options.WaitForJob
	if f.attachedBefore {
		patience = max(patience-now.Sub(f.started), patienceAfterOutage)
	}
	if patience != 0 && len(f.jobIDs) > 0 {
		request.WaitForJob = durationpb.New(patience)
	}
	f.attachedBefore = true
	return request
}

func (f *watchFlow) onMessage(message *jobstatusv1.WatchStatusResponse) {
	f.revision = max(f.revision, message.Revision)
	if status := message.Status; status != nil {
		f.lastStatus = status
		if len(f.jobIDs) > 0 {
			f.ended[status.JobId] = IsTerminal(status.State) // a lost job may be seen again
		}
	}
	f.heard = true
	f.waits.reset()
}

// isOver tells whether the end of the stream is the end of the watch, and a good one. Nil: the stream ended with OK.
func (f *watchFlow) isOver(err *Error) bool {
	if err == nil {
		return true
	}
	return len(f.jobIDs) > 0 && !slices.ContainsFunc(f.jobIDs, func(jobID string) bool { return !f.ended[jobID] })
}

// again tells how long to wait before attaching again after this error; false: the watch ends with it.
func (f *watchFlow) again(err *Error) (time.Duration, bool) {
	if !tryingAgainHelps(err) || (f.options.FailFast && !f.heard) {
		return 0, false
	}
	return f.waits.next(err.RetryAfter), true
}
