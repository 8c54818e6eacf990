package rotate

import (
	"context"

	"github.com/google/uuid"

	"strongroom"
)

// Abandon implements strongroom.RotationService.
func (s *Service) Abandon(ctx context.Context, caller strongroom.Caller, id, rotation uuid.UUID, force bool) (strongroom.Rotation, error) {
	return s.handle(ctx, caller, id, rotation, func(t *turn) error {
		defer t.forget()
		return t.giveUp(force)
	})
}

const (
	givenUp     = "It was given up; the far end has the secret that it had"
	forcedly    = "It was given up although neither the secret that is stored nor the new one is known to open; look after it, and store the one that does"
	cleanGiven  = "The clean-up was given up; the old key is still accepted until it is taken out of authorized_keys"
	forceToDrop = "Neither the secret that is stored nor the new one is known to open the far end now; resume the rotation when it can be reached, or abandon it with force"
)

// giveUp ends the rotation with the secret that opens.
func (t *turn) giveUp(force bool) error {
	switch {
	case t.r.PromotedVersion > 0:
		return t.end(strongroom.RotationDone, strongroom.CheckResult{Message: cleanGiven}, "abandoned")
	case t.r.State == strongroom.RotationPending:
		return t.abandon(givenUp)
	}
	opens, err := t.whichOpens()
	switch {
	case err == nil && opens == storedOpens:
		return t.drop(givenUp)
	case opens == newOpens:
		return t.leave(err)
	case force:
		return t.drop(forcedly)
	}
	return t.leave(strongroom.Errorf(strongroom.CodeConflict, forceToDrop).Because(err))
}

// leave gives the lease up where there is an error, which it returns.
func (t *turn) leave(err error) error {
	if err == nil {
		return nil
	}
	if free := t.rest(); free != nil {
		return free
	}
	return err
}

// What whichOpens finds.
const (
	neitherOpens = iota
	storedOpens
	// newOpens: and it is promoted.
	newOpens
)

// whichOpens tries what is stored and then the new secret, which it promotes where it is the
// only one that opens.
func (t *turn) whichOpens() (int, error) {
	if err := t.prepare(); err != nil {
		return neitherOpens, err
	}
	w := ways[t.r.Method]
	stored, err := t.try(w, t.data)
	if err != nil || signedIn(stored) {
		return storedOpens, err
	}
	next, err := w.next(t.data, t.kept)
	if err != nil {
		return neitherOpens, err
	}
	defer next.Destroy()
	tried, err := t.try(w, next)
	if err != nil || !w.works(tried) {
		return neitherOpens, err
	}
	return newOpens, t.promote(next)
}
