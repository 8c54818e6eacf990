package identity

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"strongroom"
)

// maxEmail bounds an e-mail address, in bytes.
const maxEmail = 320

// errClaims answers claims that are no JSON object, name one twice, or have a
// registered one of the wrong type, and headers that ask for what is not supported.
var errClaims = unauthorized("The token cannot be read")

// ClaimPaths say where a token's claims are: a claim's name, or names joined by dots
// for objects within ("app_metadata.organization_id"). A claim whose own name has
// dots is found by that name first.
type ClaimPaths struct {
	// User is the user's UUID; "sub" where empty.
	User string
	// Organization is the organization's UUID; "organization_id" where empty.
	Organization string
	// Role is one of the platform's; "role" where empty.
	Role string
	// Email is a string that may be missing; "email" where empty.
	Email string
}

func (p ClaimPaths) complete() (ClaimPaths, error) {
	p = ClaimPaths{
		User:         cmp.Or(p.User, "sub"),
		Organization: cmp.Or(p.Organization, "organization_id"),
		Role:         cmp.Or(p.Role, "role"),
		Email:        cmp.Or(p.Email, "email"),
	}
	for _, path := range []string{p.User, p.Organization, p.Role, p.Email} {
		if slices.Contains(strings.Split(path, "."), "") {
			return p, errors.New("issuer: a claim path has an empty name in it")
		}
	}
	return p, nil
}

// user returns the principal that verified claims describe.
func (p ClaimPaths) user(claims map[string]any) (strongroom.Principal, error) {
	user, ok := uuidAt(claims, p.User)
	if !ok {
		return strongroom.Principal{}, unauthorized("The token does not name its user by a UUID")
	}
	organization, ok := uuidAt(claims, p.Organization)
	if !ok {
		return strongroom.Principal{}, unauthorized("The token does not name its user's organization by a UUID")
	}
	role, _ := at(claims, p.Role).(string)
	if !strongroom.Role(role).Known() {
		return strongroom.Principal{}, unauthorized("The token names no role that is known here")
	}
	claimed := at(claims, p.Email)
	email, ok := claimed.(string)
	if claimed != nil && !ok || len(email) > maxEmail {
		return strongroom.Principal{}, unauthorized("The token's e-mail address is not one")
	}
	return strongroom.Principal{
		Kind: strongroom.KindUser, ID: user, OrganizationID: organization,
		Role: strongroom.Role(role), Email: email,
	}, nil
}

func uuidAt(claims map[string]any, path string) (uuid.UUID, bool) {
	text, _ := at(claims, path).(string)
	return parseUUID(text)
}

// at returns the claim at the path; nil where there is none.
func at(claims map[string]any, path string) any {
	if claim, found := claims[path]; found {
		return claim
	}
	var claim any = claims
	for name := range strings.SplitSeq(path, ".") {
		object, ok := claim.(map[string]any)
		if !ok {
			return nil
		}
		claim = object[name]
	}
	return claim
}
