package oauth

import (
	"time"

	"strongroom"
)

// Step is what a read of a credential does first.
type Step int

// The steps.
const (
	// Serve the token as it is.
	Serve Step = iota
	// Renew it before it is served.
	Renew
	// Refuse the read: there is no token that works.
	Refuse
)

// soon is when a client comes back for a token that is being renewed.
const soon = time.Second

// Plan says what a read of the credential has to do first. tried says that this read has
// already waited for a renewal, so that it does not wait again. A token that is still valid
// is served whatever the state; the error comes with Refuse alone.
func Plan(now time.Time, c strongroom.Credential, tried bool) (Step, *strongroom.Error) {
	r := c.Renewal
	if r.StaleAt == nil || r.StaleAt.After(now) {
		return Serve, nil
	}
	ended := c.Status == strongroom.StatusNeedsReauth || r.NextAt == nil
	backingOff := !ended && c.Status != strongroom.StatusActive && now.Before(*r.NextAt)
	switch {
	case !ended && !backingOff && !tried:
		return Renew, nil
	case Valid(now, c):
		return Serve, nil
	}
	return Refuse, explain(now, c, ended)
}

// Valid tells whether the token still works, as far as is known.
func Valid(now time.Time, c strongroom.Credential) bool {
	return c.ExpiresAt == nil || now.Before(*c.ExpiresAt)
}
