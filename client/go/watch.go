package jobstatus

import (
	"context"
	"errors"
	"io"
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
)

// WatchOptions say more about a watch or a wait. Zero: how things are now, and then every change.
type WatchOptions struct {
	// Backend is the configured name of the ComfyUI server to watch. Empty: all of them.
	Backend string
	// AfterRevision: only statuses with a greater revision. To go on with an earlier watch, the revision of its last status.
	AfterRevision uint64
	// MinInterval thins updates of progress to one in this time. A change of state is told at once.
	MinInterval time.Duration
	// WaitForJob is how long a named job may stay unknown before the watch ends with ErrJobNotFound: to watch first and submit
	// after. Counted from the start, over lost connections too.
	WaitForJob time.Duration
	// FailFast: an attempt that fails before the first message ends the watch, even if trying again might help. For callers at
	// whose elbow sits a person who may have mistyped the address.
	FailFast bool
	// OnRetry is told why an attempt failed, and in what time the next one starts. Called by the goroutine that iterates.
	OnRetry func(err *Error, wait time.Duration)
}

var errSilent = errors.New("the service went silent")

// Watch gives the statuses of jobs as they change, until all of them have ended; of no jobs: of every job, until the caller leaves.
// It survives the service going down: it attaches again from the last revision received, with growing waits. An error, when trying
// again cannot help or ctx has ended, is the last of the sequence and has the LastStatus. Leaving the loop ends the watch. Each loop
// over the sequence is a watch of its own. Nil options are those of zero.
func (c *Client) Watch(ctx context.Context, jobIDs []string, options *WatchOptions) iter.Seq2[*JobStatus, error] {
	jobIDs, what := slices.Clone(jobIDs), deref(options)
	return func(yield func(*JobStatus, error) bool) {
		flow := newWatchFlow(jobIDs, what, newWaits(c.options.Backoff, rand.Float64), time.Now())
		for {
			err, left := c.attach(ctx, flow, yield)
			if left || flow.isOver(err) {
				return
			}
			if err = rest(ctx, flow, err); err != nil {
				err.LastStatus = flow.lastStatus
				yield(nil, err)
				return
			}
		}
	}
}

// WaitForCompletion returns the status a job ends with. It survives the service going down meanwhile. When ctx ends before, the
// error has the last known status in LastStatus. Nil options are those of zero.
func (c *Client) WaitForCompletion(ctx context.Context, jobID string, options *WatchOptions) (*JobStatus, error) {
	for status, err := range c.Watch(ctx, []string{jobID}, options) {
		if err != nil {
			return nil, err
		}
		if IsTerminal(status.State) {
			return status, nil
		}
	}
	return nil, &Error{Code: codes.Internal, Message: "the service ended the watch before the job ended"}
}

// attach makes one attempt. It returns what the stream ended with, nil being OK; or that the caller left the loop.
func (c *Client) attach(ctx context.Context, flow *watchFlow, yield func(*JobStatus, error) bool) (ended *Error, left bool) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil) // whatever happens, panics of the loop's body included, no stream is left behind
	silence := time.AfterFunc(c.options.SilenceLimit, func() { cancel(errSilent) })
	defer silence.Stop()

	failed := func(err error) (*Error, bool) {
		if context.Cause(ctx) == errSilent {
			return &Error{Code: codes.Unavailable, Message: errSilent.Error()}, false
		}
		return errorOf(ctx, err), false
	}
	stream, err := c.stub.WatchStatus(c.outgoing(ctx), flow.attach(time.Now()))
	if err != nil {
		return failed(err)
	}
	for {
		message, err := stream.Recv()
		silence.Stop() // what the caller does meanwhile is not the service's silence
		if err == io.EOF {
			return nil, false
		}
		if err != nil {
			return failed(err)
		}
		flow.onMessage(message)
		if message.Status != nil && !yield(message.Status, nil) {
			return nil, true
		}
		silence.Reset(c.options.SilenceLimit)
	}
}

// rest waits until it is time to attach again after err, and returns nil; or what the watch ends with.
func rest(ctx context.Context, flow *watchFlow, err *Error) *Error {
	if ctx.Err() != nil {
		return errorOfContext(ctx)
	}
	wait, again := flow.again(err)
	if !again {
		return err
	}
	if flow.options.OnRetry != nil {
		flow.options.OnRetry(err, wait)
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return errorOfContext(ctx)
	case <-timer.C:
		return nil
	}
}
