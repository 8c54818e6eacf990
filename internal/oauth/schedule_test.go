package oauth_test

import (
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/oauth"
)

func TestWhenATokenIsStaleAndWhenItIsRenewedAhead(t *testing.T) {
	for _, tc := range []struct {
		name                string
		lifetime            time.Duration
		jitter              float64
		staleFor, renewedIn time.Duration // before the end
	}{
		{"an hour", time.Hour, 0, time.Minute, 15 * time.Minute},
		{"an hour with half the jitter", time.Hour, 0.5, time.Minute, 13*time.Minute + 7500*time.Millisecond},
		{"a day", 24 * time.Hour, 0, time.Minute, 15 * time.Minute},
		{"ten minutes", 10 * time.Minute, 0, time.Minute, 5 * time.Minute},
		{"a minute", time.Minute, 0, 6 * time.Second, 30 * time.Second},
		{"a minute with all the jitter", time.Minute, 1, 6 * time.Second, 22500 * time.Millisecond},
		{"jitter that is out of range", time.Hour, 100, time.Minute, 11*time.Minute + 15*time.Second},
		{"jitter below nothing", time.Hour, -1, time.Minute, 15 * time.Minute},
		{"no life at all", 0, 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			end := now.Add(tc.lifetime)
			staleAt, renewAt := oauth.Schedule(now, end, tc.jitter)
			if got := end.Sub(staleAt); got != tc.staleFor {
				t.Errorf("stale %s before the end, want %s", got, tc.staleFor)
			}
			if got := end.Sub(renewAt); got != tc.renewedIn {
				t.Errorf("renewed %s before the end, want %s", got, tc.renewedIn)
			}
		})
	}
}

func TestATokenThatEndedBeforeItWasIssuedIsDueAtOnce(t *testing.T) {
	staleAt, renewAt := oauth.Schedule(now, now.Add(-time.Hour), 0.3)
	if !staleAt.Equal(now) || !renewAt.Equal(now) {
		t.Errorf("stale at %s, renewed at %s, want both at %s", staleAt, renewAt, now)
	}
}

func TestHowLongIsWaitedAfterFailures(t *testing.T) {
	for _, tc := range []struct {
		name       string
		failures   int
		reason     strongroom.StatusReason
		retryAfter time.Duration
		jitter     float64
		want       time.Duration
	}{
		{"the first failure", 1, strongroom.ReasonTimeout, 0, 0, 2500 * time.Millisecond},
		{"no failure counts as the first", 0, strongroom.ReasonTimeout, 0, 0, 2500 * time.Millisecond},
		{"the first with all the jitter", 1, strongroom.ReasonTimeout, 0, 1, 5 * time.Second},
		{"the third", 3, strongroom.ReasonTimeout, 0, 0.5, 15 * time.Second},
		{"very many", 1 << 40, strongroom.ReasonTimeout, 0, 1, 15 * time.Minute},
		{"a rejected client's first", 1, strongroom.ReasonClientRejected, 0, 1, time.Minute},
		{"a missing client's first", 1, strongroom.ReasonClientMissing, 0, 0, 30 * time.Second},
		{"a blocked address's many", 99, strongroom.ReasonBlockedAddress, 0, 1, time.Hour},
		{"the first lost answer", 1, strongroom.ReasonAnswerLost, 0, 1, time.Second},
		{"the second lost answer", 2, strongroom.ReasonAnswerLost, 0, 1, 10 * time.Second},
		{"the provider asks for more", 1, strongroom.ReasonRateLimited, 2 * time.Minute, 1, 2 * time.Minute},
		{"the provider asks for more after a lost answer", 1, strongroom.ReasonAnswerLost, 2 * time.Minute, 1, 2 * time.Minute},
		{"the provider asks for less", 9, strongroom.ReasonRateLimited, time.Second, 1, 15 * time.Minute},
		{"the provider asks for a year", 1, strongroom.ReasonRateLimited, 365 * 24 * time.Hour, 1, 24 * time.Hour},
		{"the provider asks for less than nothing", 1, strongroom.ReasonRateLimited, -time.Hour, 1, 5 * time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := oauth.Backoff(tc.failures, tc.reason, tc.retryAfter, tc.jitter); got != tc.want {
				t.Errorf("waits %s, want %s", got, tc.want)
			}
		})
	}
}
