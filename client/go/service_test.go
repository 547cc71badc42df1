//go:build linux

package jobstatus_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	jobstatus "jobstatus.comfyui/go"
)

// What is promised, with the real service and a fake ComfyUI.

func TestAWaitReturnsTheStatusTheJobEndsWith(t *testing.T) {
	setting, ctx := start(t, nil), context.Background()
	setting.submit("a")
	ended, err := setting.WaitForCompletion(ctx, "a", nil)
	if err != nil {
		t.Fatal(err)
	}
	if ended.State != jobstatus.Completed || len(ended.Outputs) != 1 || ended.Outputs[0].Filename != "cat_00001_.png" {
		t.Errorf("ended as %v", ended)
	}
	if got, err := setting.GetStatus(ctx, "a", "gpu"); err != nil || !proto.Equal(got, ended) {
		t.Errorf("then it is %v, %v", got, err)
	}
	backends, err := setting.ListBackends(ctx)
	if err != nil || len(backends) != 1 || backends[0].Name != "gpu" {
		t.Errorf("backends are %v, %v", backends, err)
	}
}

func TestAListHasTheJobsOfAllPages(t *testing.T) {
	setting, ctx := start(t, nil), context.Background()
	for _, job := range []string{"a", "b", "c"} {
		setting.submit(job)
		if _, err := setting.WaitForCompletion(ctx, job, nil); err != nil {
			t.Fatal(err)
		}
	}
	for name, test := range map[string]struct {
		options *jobstatus.ListOptions
		want    string
	}{
		"all":         {nil, "c b a"},
		"in pages":    {&jobstatus.ListOptions{PageSize: 2}, "c b a"},
		"in a state":  {&jobstatus.ListOptions{States: []jobstatus.JobState{jobstatus.Failed}}, ""},
		"of a server": {&jobstatus.ListOptions{Backend: "gpu"}, "c b a"},
	} {
		listed := setting.ListStatuses(ctx, test.options)
		for range 2 { // a sequence may be gone through again
			var got []string
			for status, err := range listed {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, status.JobId)
			}
			if strings.Join(got, " ") != test.want {
				t.Errorf("%s: %v", name, got)
			}
		}
	}
	for status, err := range setting.ListStatuses(ctx, &jobstatus.ListOptions{Backend: "nowhere"}) {
		if !errors.Is(err, jobstatus.ErrBackendNotFound) {
			t.Errorf("of a server that is not: %v, %v", status, err)
		}
	}
}

// untilProcessing watches a job until ComfyUI executes it.
func untilProcessing(t *testing.T, setting *setting, job string) {
	t.Helper()
	for status, err := range setting.Watch(context.Background(), []string{job}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if status.State == jobstatus.Processing {
			return
		}
	}
	t.Fatalf("%s was never executed", job)
}

func TestAWatchEndsWithTheJob(t *testing.T) {
	setting := start(t, nil)
	setting.submitEndless("a")
	untilProcessing(t, setting, "a")
	var states []jobstatus.JobState
	for status, err := range setting.Watch(context.Background(), []string{"a"}, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if states = append(states, status.State); len(states) == 1 {
			setting.interrupt()
		}
	}
	if states[0] != jobstatus.Processing || states[len(states)-1] != jobstatus.Cancelled {
		t.Errorf("told %v", states)
	}
}

func TestAnotherGoroutineMayCancel(t *testing.T) {
	setting := start(t, nil)
	setting.submitEndless("a")
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var ended *jobstatus.Error
	for status, err := range setting.Watch(ctx, nil, nil) {
		if err == nil && status.State == jobstatus.Processing {
			go cancel()
		}
		errors.As(err, &ended)
	}
	if !errors.Is(ended, context.Canceled) || ended.LastStatus.GetJobId() != "a" {
		t.Errorf("ended with %v, last %v", ended, ended.LastStatus)
	}
}

func TestCancellingEndsAWaitForAServiceThatIsAway(t *testing.T) {
	setting := start(t, &jobstatus.Options{Backoff: jobstatus.Backoff{Initial: time.Hour}})
	setting.killService()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	options := &jobstatus.WatchOptions{OnRetry: func(*jobstatus.Error, time.Duration) { cancel() }}
	if _, err := setting.WaitForCompletion(ctx, "a", options); !errors.Is(err, context.Canceled) {
		t.Errorf("ended with %v", err)
	}
}

func TestTimeThatIsOverEndsAWait(t *testing.T) {
	setting := start(t, nil)
	setting.submitEndless("a")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	if _, err := setting.WaitForCompletion(ctx, "a", nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("ended with %v", err)
	}
}

func TestAWaitSurvivesTheService(t *testing.T) {
	setting := start(t, nil)
	setting.submitEndless("a")
	untilProcessing(t, setting, "a")
	var told, retries int
	var last *jobstatus.JobStatus
	options := &jobstatus.WatchOptions{OnRetry: func(err *jobstatus.Error, _ time.Duration) {
		if retries++; retries == 1 {
			setting.interrupt()
			setting.startService()
		}
	}}
	for status, err := range setting.Watch(context.Background(), []string{"a"}, options) {
		if err != nil {
			t.Fatal(err)
		}
		if told++; told == 1 {
			setting.killService()
		}
		last = status
	}
	if last.State != jobstatus.Cancelled || retries == 0 {
		t.Errorf("the last is %v, after %d retries", last, retries)
	}
}

func TestAWatchThatFailsFastSaysWhy(t *testing.T) {
	setting := start(t, nil)
	setting.killService()
	_, err := setting.WaitForCompletion(context.Background(), "a", &jobstatus.WatchOptions{FailFast: true})
	if status.Code(err) != codes.Unavailable {
		t.Errorf("ended with %v", err)
	}
}

func TestErrorsSayWhatIsWrong(t *testing.T) {
	setting, ctx := start(t, &jobstatus.Options{Metadata: map[string]string{"x-request-id": "mine-1"}}), context.Background()
	_, err := setting.WaitForCompletion(ctx, "nobody", nil)
	var found *jobstatus.Error
	if !errors.As(err, &found) || !errors.Is(err, jobstatus.ErrJobNotFound) {
		t.Fatalf("got %v", err)
	}
	if found.Metadata["job_id"] != "nobody" || found.RequestID != "mine-1" {
		t.Errorf("got %#v", found)
	}
	if _, err := setting.GetStatus(ctx, "a", "nowhere"); !errors.Is(err, jobstatus.ErrBackendNotFound) {
		t.Errorf("got %v", err)
	}
	if _, err := setting.GetStatus(ctx, "", ""); !errors.As(err, &found) || found.InvalidFields["job_id"] == "" {
		t.Errorf("got %#v", err)
	}
}

func TestManyMayWaitAtOnce(t *testing.T) {
	setting := start(t, nil)
	results := make(chan error)
	for number := range 100 {
		job := fmt.Sprintf("job-%d", number)
		setting.submit(job)
		go func() {
			ended, err := setting.WaitForCompletion(context.Background(), job, nil)
			if err == nil && (ended.JobId != job || ended.State != jobstatus.Completed) {
				err = fmt.Errorf("%s: told %v", job, ended)
			}
			results <- err
		}()
	}
	for range 100 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}

func TestTheExampleTellsOfAJobToItsOutputs(t *testing.T) {
	setting := start(t, nil)
	setting.submit("a")
	example := exec.Command("go", "run", "./examples/watch_job", setting.address, "a")
	example.Stderr = os.Stderr
	told, err := example.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "completed with 1 output\n" + setting.comfy + "/view?filename=cat_00001_.png&type=output\n"
	if !strings.HasSuffix(string(told), want) {
		t.Errorf("it prints %s", told)
	}
}
