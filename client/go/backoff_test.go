package jobstatus

import (
	"reflect"
	"testing"
	"time"
)

func always(chance float64) func() float64 { return func() float64 { return chance } }

func seconds(numbers ...float64) []time.Duration {
	var result []time.Duration
	for _, number := range numbers {
		result = append(result, time.Duration(number*float64(time.Second)))
	}
	return result
}

func wantWaits(t *testing.T, chance float64, retryAfter *time.Duration, want ...float64) {
	t.Helper()
	waits := newWaits(Backoff{time.Second, 5 * time.Second, 2}, always(chance))
	var got []time.Duration
	for range want {
		got = append(got, waits.next(retryAfter))
	}
	if !reflect.DeepEqual(got, seconds(want...)) {
		t.Errorf("waits are %v, not %v", got, seconds(want...))
	}
}

func after(number float64) *time.Duration { return &seconds(number)[0] }

func TestWaitsGrowUpToALimit(t *testing.T) {
	wantWaits(t, 1, nil, 1, 2, 4, 5, 5)
}

func TestChanceTakesUpToHalfOfAWait(t *testing.T) {
	wantWaits(t, 0, nil, 0.5, 1, 2, 2.5)
}

func TestWhatTheServiceAsksForIsTheLeast(t *testing.T) {
	wantWaits(t, 0, after(3), 3, 3, 3)
	wantWaits(t, 1, after(4), 5)
	wantWaits(t, 1, after(1), 1.25, 2, 4, 5)
}

func TestSuccessStartsOver(t *testing.T) {
	waits := newWaits(Backoff{time.Second, 5 * time.Second, 2}, always(1))
	waits.next(nil)
	waits.reset()
	if got := waits.next(nil); got != time.Second {
		t.Errorf("waits %v", got)
	}
}

func TestWhatABackoffDoesNotSayIsTheDefault(t *testing.T) {
	for given, want := range map[Backoff]Backoff{
		{}:                     DefaultBackoff,
		{Initial: time.Minute}: {time.Minute, time.Minute, 2},
		{Max: time.Minute}:     {250 * time.Millisecond, time.Minute, 2},
	} {
		if got, err := given.complete(); got != want || err != nil {
			t.Errorf("%v becomes %v, not %v; %v", given, got, want, err)
		}
	}
}
