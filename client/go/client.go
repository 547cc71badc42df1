package jobstatus

import (
	"context"
	"fmt"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"jobstatus.comfyui/go/jobstatusv1"
)

// Client has one connection to one service. It may be used by many goroutines at once.
type Client struct {
	options    Options
	connection *grpc.ClientConn
	stub       jobstatusv1.JobStatusServiceClient
}

// NewClient makes a client of the service at target: "host", "host:port", "[::1]:port", "unix:/path" or any target name of gRPC;
// without a port, 50051. Nil options are those of a service without TLS and token. It sends nothing yet: the connection is made by
// the first call. The error is not an [*Error]: an option makes no sense, or a file cannot be read.
func NewClient(target string, options *Options) (*Client, error) {
	target, err := completeTarget(target)
	if err != nil {
		return nil, err
	}
	completed, err := deref(options).complete()
	if err != nil {
		return nil, err
	}
	dial, err := completed.dialOptions()
	if err != nil {
		return nil, err
	}
	connection, err := grpc.NewClient(target, dial...)
	if err != nil {
		return nil, fmt.Errorf("jobstatus: %w", err)
	}
	return &Client{completed, connection, jobstatusv1.NewJobStatusServiceClient(connection)}, nil
}

// Close ends the connection and all its calls.
func (c *Client) Close() error { return c.connection.Close() }

// GetStatus returns the newest known status of one job, of the ComfyUI server with the configured name backend; "": of whichever
// has the job.
func (c *Client) GetStatus(ctx context.Context, jobID, backend string) (*JobStatus, error) {
	response, err := c.stub.GetStatus(c.outgoing(ctx), &jobstatusv1.GetStatusRequest{JobId: jobID, Backend: backend})
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	return response.Status, nil
}

// ListOptions say which statuses to list. Zero: all, from the first.
type ListOptions struct {
	// Backend is the configured name of a ComfyUI server: only its jobs.
	Backend string
	// States: only jobs in one of these.
	States []JobState
	// PageSize is how many statuses are asked for at once: 0 means 50, at most 1,000.
	PageSize int32
	// PageToken of an earlier list, to go on from there.
	PageToken string
}

// ListStatuses gives the statuses the service remembers, newest change first: all of them, page after page as they are needed. An
// error is the last of the sequence. Nil options: all jobs.
func (c *Client) ListStatuses(ctx context.Context, options *ListOptions) iter.Seq2[*JobStatus, error] {
	what := deref(options)
	return func(yield func(*JobStatus, error) bool) {
		request := &jobstatusv1.ListStatusesRequest{
			Backend: what.Backend, States: what.States, PageSize: what.PageSize, PageToken: what.PageToken,
		}
		for {
			page, err := c.stub.ListStatuses(c.outgoing(ctx), request)
			if err != nil {
				yield(nil, errorOf(ctx, err))
				return
			}
			for _, status := range page.Statuses {
				if !yield(status, nil) {
					return
				}
			}
			if request.PageToken = page.NextPageToken; request.PageToken == "" {
				return
			}
		}
	}
}

// ListBackends returns the ComfyUI servers the service watches.
func (c *Client) ListBackends(ctx context.Context) ([]*Backend, error) {
	response, err := c.stub.ListBackends(c.outgoing(ctx), &jobstatusv1.ListBackendsRequest{})
	if err != nil {
		return nil, errorOf(ctx, err)
	}
	return response.Backends, nil
}

// outgoing adds what is sent with each call to what the caller has in the context already.
func (c *Client) outgoing(ctx context.Context) context.Context {
	if c.options.Token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+c.options.Token)
	}
	for name, value := range c.options.Metadata {
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	return ctx
}

func deref[Options any](options *Options) Options {
	if options == nil {
		return *new(Options)
	}
	return *options
}
