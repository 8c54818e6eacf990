package health

import (
	"time"

	"strongroom"
	"strongroom/internal/sshkey"
)

// firstRetry is how soon after a failure is tested again; it doubles with each.
const firstRetry = 5 * time.Minute

// afterRefusals is how soon after the nth refusal to sign in is tested again. Many servers
// lock an account after three to five within a day; after as many as there are here, and
// one more, nothing is tried any more.
var afterRefusals = []time.Duration{time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour}

// jitter is by how much of itself an interval is shorter or longer, so that what was stored
// at once is not tested at once for ever.
const jitter = 0.1

// after returns a credential's health after a test at that time. every is the interval of
// tests of what works; random is in [0, 1].
func after(h strongroom.Health, r strongroom.CheckResult, now time.Time, every time.Duration, random float64) strongroom.Health {
	wait := every
	switch {
	case r.Success:
		h.State, h.Failures, h.Refusals = strongroom.HealthOK, 0, 0
		if len(r.Warnings) > 0 {
			h.State = strongroom.HealthExpiring
		}
		h.KnownHost = knownHost(h.KnownHost, r)
	default:
		h.State = strongroom.HealthFailing
		h.Failures++
		wait = retry(h.Failures, every)
		if refused(r.Code) {
			h.Refusals++
			wait = afterRefusals[min(h.Refusals, len(afterRefusals))-1]
		}
		if h.Refusals > len(afterRefusals) {
			h.State, h.NextAt = strongroom.HealthStopped, nil
			return h
		}
	}
	next := strongroom.Timestamp(now.Add(around(wait, random)))
	h.NextAt = &next
	return h
}

// refused tells whether the server did not let the service in: the next time it will not
// either, unless something is done about it.
func refused(code strongroom.CheckCode) bool {
	return code == strongroom.CheckAuth || code == strongroom.CheckHostKey
}

// retry is how long to wait after so many failures in a row.
func retry(failures int, longest time.Duration) time.Duration {
	wait := firstRetry
	for ; failures > 1 && wait < longest; failures-- {
		wait *= 2
	}
	return min(wait, longest)
}

func around(d time.Duration, random float64) time.Duration {
	return d + time.Duration(float64(d)*jitter*(2*max(0, min(random, 1))-1))
}

// knownHost is the host key that is kept after a test that went well. One that is kept for
// a host is not replaced by what the same host shows later: only another host's is.
func knownHost(kept string, r strongroom.CheckResult) string {
	line, _ := r.Details["known_host"].(string)
	shown, err := sshkey.ParseKnownHost(line)
	if err != nil {
		return kept
	}
	if k, err := sshkey.ParseKnownHost(kept); err == nil && k.Is(shown.Host, shown.Port) {
		return kept
	}
	return line
}
