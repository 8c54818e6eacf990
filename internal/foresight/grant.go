package foresight

import (
	"time"

	"strongroom"
	"strongroom/internal/catalog"
)

// grantEnd is when the grant behind a person's tokens ends, as far as is known, and how
// long before that a person is told. Zero: it does not, or nobody knows.
func (m members) grantEnd(c strongroom.Credential, p catalog.Provider) (end time.Time, window time.Duration) {
	grant, ok := p.GrantOf(c.Type)
	if !ok || grant != catalog.GrantAuthorizationCode || p.OAuth == nil || m.text("refresh_token") == "" {
		return time.Time{}, 0
	}
	end, window = stamp(m.text("refresh_token_expires_at")), soon
	if idle := idleEnd(c, p.OAuth.Refresh.Idle); !idle.IsZero() && earliest(end, idle).Equal(idle) {
		// A grant that may lie idle for a week only is not always about to end.
		end, window = idle, min(soon, p.OAuth.Refresh.Idle/2)
	}
	return end, window
}

// idleEnd is when the grant ends if its refresh token is not used before; zero where it is
// going to be.
func idleEnd(c strongroom.Credential, idle time.Duration) time.Time {
	if idle <= 0 {
		return time.Time{}
	}
	used := c.UpdatedAt
	if c.LastRefreshedAt != nil && c.LastRefreshedAt.After(used) {
		used = *c.LastRefreshedAt
	}
	end := sane(used.Add(idle))
	if next := c.Renewal.NextAt; c.Status == strongroom.StatusActive && next != nil && next.Before(end) {
		return time.Time{}
	}
	return end
}
