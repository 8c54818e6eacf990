package policy

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom"
)

// Reach is the part of an organization's credentials that a service account may see.
type Reach struct {
	// All means every one; the lists are then empty.
	All           bool
	CredentialIDs []uuid.UUID
	Providers     []string
}

// Scope returns what the caller's grants reach now, for lists to be narrowed by it.
// Callers without grants, users among them, reach all.
func Scope(caller strongroom.Caller, now time.Time) Reach {
	if len(caller.Grants) == 0 {
		return Reach{All: true}
	}
	var r Reach
	for _, g := range caller.Grants {
		if !inForce(g, caller, now) {
			continue
		}
		if len(g.CredentialIDs) == 0 && len(g.Providers) == 0 {
			return Reach{All: true}
		}
		r.CredentialIDs = append(r.CredentialIDs, g.CredentialIDs...)
		r.Providers = append(r.Providers, g.Providers...)
	}
	slices.Sort(r.Providers)
	r.Providers = slices.Compact(r.Providers)
	return r
}

// MaySeeRefreshToken tells whether a read of the credential may show its OAuth
// refresh token: always for an account without grants, otherwise where one that is in
// force reaches the credential and says so.
func MaySeeRefreshToken(caller strongroom.Caller, credential strongroom.Credential, now time.Time) bool {
	return reach(caller, &credential, now, func(g strongroom.Grant) bool { return g.RefreshTokens }) == nil
}
