package rotate

import (
	"context"
	"time"

	"strongroom"
	"strongroom/internal/store"
)

const (
	// maxAttempts is after how many tries in which the far end gave no answer, about nine
	// hours, somebody has to look after it.
	maxAttempts = 24
	// maxRefusals is after how many tries that is so where signing in is refused: accounts
	// get locked out.
	maxRefusals = 3

	firstBackoff = 15 * time.Second
	maxBackoff   = 30 * time.Minute
)

// backoff is the pause after so many tries: a quarter of it is by lot, so that what failed
// together does not come again together.
func backoff(attempts int, first, longest time.Duration, jitter float64) time.Duration {
	d := first
	for ; attempts > 1 && d < longest; attempts-- {
		d *= 2
	}
	d = min(d, longest)
	return d - time.Duration(float64(d)/4*jitter)
}

// again puts the next try off, in the state that the rotation is in or goes back to, or
// gives up after too many.
func (t *turn) again(state strongroom.RotationState, why strongroom.CheckResult) error {
	now := t.Clock.Now()
	r := t.r.Rotation
	note := ""
	if r.State != state {
		note = string(state)
	}
	// The second refusal in a row: one alone may be a server that is just starting.
	refused := why.Code == strongroom.CheckAuth && r.Code == strongroom.CheckAuth
	r.Attempts++
	if r.Attempts >= maxAttempts || refused && r.Attempts >= maxRefusals {
		t.r.Attempts = r.Attempts
		if state == strongroom.RotationPending {
			return t.fail(why)
		}
		return t.stick(why)
	}
	next := now.Add(backoff(r.Attempts, firstBackoff, maxBackoff, t.Jitter()))
	r.State, r.NextAt, r.Code, r.Message = state, &next, why.Code, why.Message
	t.logged(r)
	return t.save(r, note, true)
}

// putOff is again for a failure on this side.
func (t *turn) putOff() error {
	return t.again(t.r.State, strongroom.CheckResult{Message: "The credential or its new secret could not be read or stored; it is tried again, and the operator's log says more"})
}

// rest gives the lease up and leaves the rotation as it is: due as soon as its credential
// is there again.
func (t *turn) rest() error {
	r := t.r.Rotation
	if r.NextAt != nil {
		now := t.Clock.Now()
		if r.State != strongroom.RotationPromoted || !r.NextAt.After(now) {
			r.NextAt = &now
		}
	}
	return t.save(r, "", true)
}

// The pauses between rotations that are due and fail.
const (
	firstPostponed = time.Hour
	maxPostponed   = 24 * time.Hour
)

// postponed returns when the credential is due next, after a rotation that came to nothing
// and has left it overdue; nil: it is not.
func (t *turn) postponed(now time.Time, state strongroom.RotationState) (*store.RotationTimes, error) {
	due := t.c.Rotation.NextAt
	if state == strongroom.RotationDone || due == nil || due.After(now) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(t.living, writeTime)
	defer cancel()
	// More make no difference any more.
	const enough = 6
	last, err := t.Store.ListRotations(ctx, store.RotationFilter{
		Page: strongroom.Page{Limit: enough}, OrganizationID: t.r.OrganizationID, CredentialID: t.r.CredentialID,
	})
	if err != nil {
		return nil, err
	}
	vain := 1
	for _, r := range last {
		if r.ID == t.r.ID {
			continue
		}
		if r.State == strongroom.RotationDone {
			break
		}
		vain++
	}
	next := now.Add(backoff(vain, firstPostponed, maxPostponed, t.Jitter()))
	return &store.RotationTimes{Next: &next}, nil
}
