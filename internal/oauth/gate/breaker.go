package gate

import "time"

// breaker decides whether an endpoint may be asked at all. It knows no clock; it is for
// one goroutine at a time.
type breaker struct {
	// threshold and base are the gate's FailuresToOpen and OpenFor.
	threshold int
	base      time.Duration

	// failures counts those in a row while the breaker is closed.
	failures int
	// openFor is how long it was opened for, openUntil when that ends; 0: it is closed.
	openFor   time.Duration
	openUntil time.Time
	// probing: the one request of the half-open breaker is under way, or waits.
	probing     bool
	pausedUntil time.Time
}

// admit decides on one more request; probe says that it is the one that tries a
// half-open breaker. Its result must be told to saw.
func (b *breaker) admit(now time.Time) (probe bool, err error) {
	if closed := b.closed(now); closed != nil {
		return false, closed
	}
	if b.openFor == 0 {
		return false, nil
	}
	if b.probing {
		return false, &ClosedError{Until: now.Add(probeWait), Reason: Open}
	}
	b.probing = true
	return true, nil
}

// closed returns why nobody may pass now, with the later end where both reasons hold;
// nil: a request may, if only as a probe.
func (b *breaker) closed(now time.Time) *ClosedError {
	switch {
	case now.Before(b.pausedUntil) && !b.pausedUntil.Before(b.openUntil):
		return &ClosedError{Until: b.pausedUntil, Reason: Paused}
	case now.Before(b.openUntil):
		return &ClosedError{Until: b.openUntil, Reason: Open}
	}
	return nil
}

// saw takes in how a request ended.
func (b *breaker) saw(r Result, probe bool, now time.Time) {
	switch {
	case probe:
		b.probed(r, now)
	case b.openFor > 0:
		// It began before the breaker opened, and tells nothing new.
	case r == Answered:
		b.failures = 0
	case r == Failed:
		if b.failures++; b.failures >= b.threshold {
			b.open(b.base, now)
		}
	}
}

func (b *breaker) probed(r Result, now time.Time) {
	b.probing = false
	switch r {
	case Answered:
		b.failures, b.openFor, b.openUntil = 0, 0, time.Time{}
	case Failed:
		b.open(min(2*b.openFor, maxOpen), now)
	case Unknown:
		// The next request is the probe.
	}
}

func (b *breaker) open(d time.Duration, now time.Time) {
	b.openFor, b.openUntil = d, now.Add(d)
}

// pause holds every request until a time, at most maxPause away. It shortens no pause.
func (b *breaker) pause(until, now time.Time) {
	if latest := now.Add(maxPause); until.After(latest) {
		until = latest
	}
	if until.After(b.pausedUntil) {
		b.pausedUntil = until
	}
}
