package rotate

import (
	"context"

	"strongroom"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// Why a rotation came to its end, where the far end did not say.
const (
	overtaken = "The credential was given other data meanwhile, which works; what the rotation had made is dropped"
	misfit    = "The credential was given other data meanwhile, which the new secret is not for"
	// otherRole follows what the far end said of the other role.
	otherRole = "; set the other role's password by hand and store it as alternate_password. The role that is in use is untouched"
	keyLeft   = "; the new key may still be in authorized_keys: take it out there"
)

// start tells the far end of a secret that it does not know yet.
func (t *turn) start(w way) error {
	if t.c.Version != t.r.FromVersion {
		return t.abandon("The credential was given other data before anything was changed")
	}
	r := t.r.Rotation
	r.State, r.Code, r.Message = strongroom.RotationChanging, "", ""
	if err := t.save(r, "changing", false); err != nil {
		return err
	}
	told, err := t.speak(w)
	switch {
	case err != nil:
		return err
	case told.Success || operated(told):
		return t.told(w, told)
	case refused(told):
		// Nothing was sent: what is stored does not open, and not for our doing.
		if w.safe {
			told.Message += otherRole
		}
		return t.fail(told)
	}
	return t.again(strongroom.RotationPending, told)
}

// speak has the far end take the new secret.
func (t *turn) speak(w way) (strongroom.CheckResult, error) {
	return t.word(w.verb, func(ctx context.Context) strongroom.CheckResult { return w.tell(ctx, t) })
}

// try signs in with the data.
func (t *turn) try(w way, data secret.Value) (strongroom.CheckResult, error) {
	return t.word("sign in", func(ctx context.Context) strongroom.CheckResult { return w.try(ctx, t, data) })
}

// change finds out whether the far end has the new secret, and tells it where it has not.
func (t *turn) change(w way) error {
	if t.c.Version != t.r.FromVersion {
		return t.overtaken(w)
	}
	next, err := w.next(t.data, t.kept)
	if err != nil {
		return t.fail(strongroom.CheckResult{Message: misfit})
	}
	defer next.Destroy()
	tried, err := t.try(w, next)
	switch {
	case err != nil:
		return err
	case w.works(tried):
		return t.promote(next)
	case !refused(tried):
		return t.again(t.r.State, tried)
	}
	told, err := t.speak(w)
	switch {
	case err != nil:
		return err
	case told.Success || operated(told):
		return t.told(w, told)
	case refused(told) && w.safe:
		// Neither the new password nor the one that is stored opens the other role.
		told.Message += otherRole
		return t.fail(told)
	}
	return t.again(t.r.State, told)
}

// told goes on when the far end was told, and has done it or may have.
func (t *turn) told(w way, told strongroom.CheckResult) error {
	if told.Code == strongroom.CheckPermission {
		// It signed in with what is stored, and was not allowed to change it.
		return t.fail(told)
	}
	next, err := w.next(t.data, t.kept)
	if err != nil {
		return err
	}
	defer next.Destroy()
	tried, err := t.try(w, next)
	switch {
	case err != nil:
		return err
	case w.works(tried):
		return t.promote(next)
	case !refused(tried):
		return t.again(t.r.State, tried)
	case !told.Success:
		// It has not taken the new secret, and said nothing against it.
		return t.again(t.r.State, told)
	}
	switch t.r.Method {
	case methodRoles:
		tried.Message += otherRole
		return t.fail(tried)
	case methodKey:
		if !t.takeOut() {
			tried.Message += keyLeft
		}
		return t.fail(tried)
	}
	// It was set, and does not open: somebody else than PostgreSQL may judge passwords, or
	// whoever does has not heard of it yet.
	return t.again(t.r.State, tried)
}

// overtaken goes on when the credential was given other data after the far end was told.
func (t *turn) overtaken(w way) error {
	if !w.safe {
		stored, err := t.try(w, t.data)
		switch {
		case err != nil:
			return err
		case signedIn(stored):
			return t.drop(overtaken)
		case !refused(stored):
			return t.again(t.r.State, stored)
		}
	}
	next, err := w.next(t.data, t.kept)
	if err != nil {
		return t.drop(misfit)
	}
	defer next.Destroy()
	tried, err := t.try(w, next)
	switch {
	case err != nil:
		return err
	case w.works(tried):
		return t.promote(next)
	case w.safe && refused(tried):
		return t.drop(overtaken)
	}
	return t.again(t.r.State, tried)
}

// drop abandons a rotation whose new secret the far end may have.
func (t *turn) drop(message string) error {
	switch t.r.Method {
	case methodRoles:
		message += otherRole
	case methodKey:
		if !t.takeOut() {
			message += keyLeft
		}
	}
	return t.abandon(message)
}

// takeOut removes the new key again, as far as that can be done.
func (t *turn) takeOut() bool {
	kept, err := far.PublicOf(t.data)
	if err != nil || kept == t.kept.public {
		return false
	}
	r, err := t.removeKey(t.kept.public, kept)
	return err == nil && r.Success
}

func (t *turn) removeKey(old, kept string) (strongroom.CheckResult, error) {
	return t.word("remove key", func(ctx context.Context) strongroom.CheckResult {
		return t.Far.RemoveKey(ctx, t.data, t.c.Health.KnownHost, old, kept)
	})
}

// oldKeyLeft is said where nobody knows whether the old key still opens.
const oldKeyLeft = "The credential was given other data in the grace period; if the old key is still in authorized_keys of the server it was for, take it out there"

// clean removes the old key when the grace period is over.
func (t *turn) clean() error {
	kept, message := t.kept.public, ""
	if t.c.Version != t.r.PromotedVersion {
		public, err := far.PublicOf(t.data)
		if err != nil || public == t.kept.oldPublic {
			return t.cleaned(oldKeyLeft)
		}
		kept, message = public, oldKeyLeft
	}
	removed, err := t.removeKey(t.kept.oldPublic, kept)
	switch {
	case err != nil:
		return err
	case removed.Success, message != "" && refused(removed):
		return t.cleaned(message)
	case removed.Code == strongroom.CheckPermission:
		return t.stick(removed)
	}
	return t.again(t.r.State, removed)
}

func (t *turn) cleaned(message string) error {
	return t.end(strongroom.RotationDone, strongroom.CheckResult{Message: message}, "cleaned")
}
