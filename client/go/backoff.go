package jobstatus

import (
	"errors"
	"time"
)

// Backoff says how long a watch waits before it attaches again. What is zero is as in DefaultBackoff.
type Backoff struct {
	// Initial is the first wait.
	Initial time.Duration
	// Max is the longest wait.
	Max time.Duration
	// Multiplier makes each wait from the one before. At least 1.
	Multiplier float64
}

// DefaultBackoff is what Options without a Backoff have.
var DefaultBackoff = Backoff{Initial: 250 * time.Millisecond, Max: 10 * time.Second, Multiplier: 2}

func (b Backoff) complete() (Backoff, error) {
	if b.Initial == 0 {
		b.Initial = DefaultBackoff.Initial
	}
	if b.Max == 0 {
		b.Max = max(DefaultBackoff.Max, b.Initial)
	}
	if b.Multiplier == 0 {
		b.Multiplier = DefaultBackoff.Multiplier
	}
	if b.Initial < 0 || b.Max < b.Initial || b.Multiplier < 1 {
		return b, errors.New("jobstatus: back-off needs 0 < Initial <= Max and a Multiplier of at least 1")
	}
	return b, nil
}

// waits is a sequence of growing waits. Chance spreads them, so that the many clients of a service that went down do not all return
// at the same moment.
type waits struct {
	backoff Backoff
	random  func() float64 // in [0, 1)
	step    time.Duration
}

func newWaits(backoff Backoff, random func() float64) *waits {
	return &waits{backoff, random, backoff.Initial}
}

// next is between half of the step and the step. When the service said retryAfter, at least that and at most a quarter more, unless
// the step is longer.
func (w *waits) next(retryAfter *time.Duration) time.Duration {
	chance := w.random()
	wait := times(w.step, 0.5+0.5*chance)
	w.step = min(times(w.step, w.backoff.Multiplier), w.backoff.Max)
	if retryAfter != nil {
		wait = max(wait, times(*retryAfter, 1+0.25*chance))
	}
	return wait
}

// reset starts over: an attempt has succeeded.
func (w *waits) reset() { w.step = w.backoff.Initial }

func times(duration time.Duration, factor float64) time.Duration {
	return time.Duration(float64(duration) * factor)
}
