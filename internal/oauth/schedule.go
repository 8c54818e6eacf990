package oauth

import (
	"time"

	"strongroom"
)

const (
	// A read renews a token that ends within the margin, which is a tenth of a short life.
	staleMargin   = time.Minute
	staleFraction = 10
	// A token is renewed ahead of its end by this, which is half of a short life; jitter
	// moves that by up to a quarter towards the end, so that tokens of one hour part.
	ahead         = 15 * time.Minute
	aheadFraction = 2
	jitterQuarter = 4
)

const (
	firstBackoff = 5 * time.Second
	maxBackoff   = 15 * time.Minute
	// What somebody has to correct by hand is tried less often.
	firstBackoffByHand = time.Minute
	maxBackoffByHand   = time.Hour
	// lostBackoff comes after an answer that was lost: many providers still take the old
	// refresh token for a moment.
	lostBackoff = time.Second
	// maxRetryAfter bounds what a provider may ask for.
	maxRetryAfter = 24 * time.Hour
)

// Schedule says when a token that was issued at one time and ends at another becomes
// stale, so that a read renews it first, and when it is renewed without being read.
// jitter is in [0, 1).
func Schedule(issued, expires time.Time, jitter float64) (staleAt, renewAt time.Time) {
	lifetime := max(0, expires.Sub(issued))
	early := min(ahead, lifetime/aheadFraction)
	early -= time.Duration(float64(early) * unit(jitter) / jitterQuarter)
	staleAt = expires.Add(-min(staleMargin, lifetime/staleFraction))
	return latest(staleAt, issued), latest(expires.Add(-early), issued)
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Backoff says how long to wait before the next try after so many failures in a row, the
// newest for that reason: doubling up to a cap, half of it fixed and half by jitter, which
// is in [0, 1). It is never less than the provider asks for, as far as that is sane.
func Backoff(failures int, reason strongroom.StatusReason, retryAfter time.Duration, jitter float64) time.Duration {
	asked := min(retryAfter, maxRetryAfter)
	if reason == strongroom.ReasonAnswerLost && failures <= 1 {
		return max(lostBackoff, asked)
	}
	wait, longest := firstBackoff, maxBackoff
	switch reason {
	case strongroom.ReasonClientRejected, strongroom.ReasonClientMissing, strongroom.ReasonBlockedAddress:
		wait, longest = firstBackoffByHand, maxBackoffByHand
	}
	for ; failures > 1 && wait < longest; failures-- {
		wait *= 2
	}
	half := min(wait, longest) / 2
	return max(half+time.Duration(float64(half)*unit(jitter)), asked)
}

// unit returns jitter within [0, 1].
func unit(jitter float64) float64 { return max(0, min(jitter, 1)) }
