package rotate

import (
	"context"
	"errors"
	"time"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/store"
	"strongroom/secret"
)

// turn is the time that one process works on a rotation whose lease it holds.
type turn struct {
	*Service
	// r is as it is stored, with the fence and the end of the lease.
	r store.SealedRotation
	// by is who is on record for the steps.
	by strongroom.Caller

	// c, data and kept are what the present step works with: lent and recalled for it.
	c    strongroom.Credential
	data secret.Value
	kept remembered
	// spoken says that the far end was told something in this turn: it ends as it should
	// although the service is closing.
	spoken bool
}

// How long, and after which pauses, a turn tries again what failed on this side: the
// database, the key service. It gives up well within the lease.
const (
	firstRetry = 50 * time.Millisecond
	maxRetry   = 2 * time.Second
	holdTime   = 15 * time.Second
	writeTime  = 10 * time.Second
)

// run takes steps until one ends the turn. Where a step failed on this side, whether it was
// stored after all is looked up before the next.
func (t *turn) run() error {
	defer t.forget()
	giveUp := t.Clock.Now().Add(holdTime)
	for retry := firstRetry; ; retry = min(2*retry, maxRetry) {
		if t.admitting.Err() != nil && !t.spoken {
			return errors.Join(errClosed, t.rest())
		}
		wait, err := retry, t.step()
		switch {
		case err == nil || errors.Is(err, errLost):
			return err
		case isGone(err):
			return t.rest()
		case errors.Is(err, store.ErrStale):
			// The credential was given other data meanwhile: there is nothing to wait for.
			wait = 0
		default:
			t.Log.Warn("a step of a rotation could not be taken; it is tried again", "rotation_id", t.r.ID.String(), "credential_id", t.r.CredentialID.String(),
				"state", string(t.r.State), "error", err)
		}
		if pause(t.living, wait) != nil || t.Clock.Now().After(giveUp) {
			return errors.Join(err, t.putOff())
		}
		if ended, err := t.reload(); ended || err != nil {
			return err
		}
	}
}

// isGone tells that the credential is: it was deleted.
func isGone(err error) bool {
	return errors.Is(err, store.ErrNotFound) || strongroom.CodeOf(err) == strongroom.CodeNotFound
}

// reload reads the rotation anew: a write whose failure came with the commit itself may have
// been kept.
func (t *turn) reload() (ended bool, err error) {
	ctx, cancel := context.WithTimeout(t.living, writeTime)
	defer cancel()
	r, err := t.Store.Rotation(ctx, t.r.OrganizationID, t.r.ID)
	switch {
	case errors.Is(err, store.ErrUnavailable):
		// The step that comes next finds out.
		return false, nil
	case err != nil:
		return false, err
	case r.Fence != t.r.Fence:
		return false, errLost
	}
	ended = r.LeasedUntil == nil
	t.r = r
	return ended, nil
}

// step takes one step. nil: the turn has ended, and the lease is given up.
func (t *turn) step() error {
	if err := t.prepare(); err != nil {
		return err
	}
	w := ways[t.r.Method]
	switch t.r.State {
	case strongroom.RotationPending:
		return t.start(w)
	case strongroom.RotationChanging:
		return t.change(w)
	case strongroom.RotationPromoted:
		return t.clean()
	}
	return t.rest()
}

// prepare has the credential lent, and recalls the new secret.
func (t *turn) prepare() error {
	t.forget()
	ctx, cancel := context.WithTimeout(t.living, writeTime)
	defer cancel()
	var err error
	t.c, t.data, err = t.Custody.Lend(ctx, t.by, policy.RotateCredential, t.eventOf(t.by, t.r.CredentialID), t.r.CredentialID)
	if err == nil {
		t.kept, err = t.recall(ctx, t.r)
	}
	return err
}

// forget destroys what the step worked with.
func (t *turn) forget() {
	t.data.Destroy()
	t.kept.destroy()
	t.data, t.kept = secret.Value{}, remembered{}
}

// wordMargin is what is left of the lease when a word to the far end is given up.
const wordMargin = 5 * time.Second

// word says one thing to the far end, within the lease: whoever has the next one must not
// find it changed behind their back.
func (t *turn) word(what string, say func(ctx context.Context) strongroom.CheckResult) (strongroom.CheckResult, error) {
	if left := t.r.LeasedUntil.Sub(t.Clock.Now()); left < wordTime+wordMargin && left < t.Lease/2 {
		if err := t.save(t.r.Rotation, "", false); err != nil {
			return strongroom.CheckResult{}, err
		}
	}
	t.spoken = true
	ctx, cancel := context.WithTimeout(t.telling, min(wordTime, t.r.LeasedUntil.Sub(t.Clock.Now())*3/4))
	defer cancel()
	t.Reached("before " + what)
	r := say(ctx)
	t.Reached("after " + what)
	return r, nil
}
