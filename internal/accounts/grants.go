package accounts

import (
	"fmt"
	"time"

	"strongroom"
)

// What one account's grants may hold: enough for any use that people can survey.
const (
	maxGrants         = 50
	maxGrantEntries   = 200
	messageTooMany    = "Has more entries than are allowed"
	fieldErrorTooMany = "too_long"
)

// checkGrants returns the grants with their providers' names as the catalog has them. It
// refuses those that can never allow anything or name what there is not: a mistyped
// provider would otherwise look like a restriction and be a lock-out.
func (s *Service) checkGrants(grants []strongroom.Grant, now time.Time) ([]strongroom.Grant, error) {
	var fields []strongroom.FieldError
	add := func(message, kind string, location ...any) {
		fields = append(fields, strongroom.FieldError{Location: append([]any{"body", "grants"}, location...), Message: message, Type: kind})
	}
	if len(grants) > maxGrants {
		add(fmt.Sprintf("An account has at most %d grants", maxGrants), fieldErrorTooMany)
		return nil, strongroom.Invalid(fields...)
	}
	for i, g := range grants {
		if len(g.CredentialIDs) > maxGrantEntries {
			add(messageTooMany, fieldErrorTooMany, i, "credential_ids")
		}
		if len(g.Providers) > maxGrantEntries {
			add(messageTooMany, fieldErrorTooMany, i, "providers")
		}
		if len(g.Networks) > maxGrantEntries {
			add(messageTooMany, fieldErrorTooMany, i, "networks")
		}
		for j, p := range g.Providers {
			known, ok := s.Catalog.Provider(p)
			if !ok {
				add("There is no such provider; the catalog lists those there are", "enum", i, "providers", j)
			}
			g.Providers[j] = known.Provider
		}
		if !mayExpire(g.ExpiresAt, now) {
			add(messageExpiry, "value", i, "expires_at")
		}
	}
	if len(fields) > 0 {
		return nil, strongroom.Invalid(fields...)
	}
	return grants, nil
}

const messageExpiry = "Must be in the future, and before the year 10000 in UTC"

// mayExpire tells whether a time, nil meaning never, is one that a thing made now may
// expire at. RFC 3339 cannot name a year beyond 9999, which an offset can lead to.
func mayExpire(t *time.Time, now time.Time) bool {
	return t == nil || t.After(now) && t.UTC().Year() <= 9999
}
