package identity

import (
	"crypto/subtle"
	"strings"

	"github.com/google/uuid"

	"strongroom"
)

// Presented is what a request carries to say who calls: every value of each header, as
// received.
type Presented struct {
	// Authorization, APIKey and Organization are the values of Authorization,
	// X-API-Key and X-Organization-ID.
	Authorization, APIKey, Organization []string
}

// credential returns the one token that the request carries, and whether it is, or was
// presented as, an API key.
func (p Presented) credential() (token string, isKey bool, err error) {
	switch {
	case len(p.Authorization) > 1 || len(p.APIKey) > 1:
		return "", false, unauthorized("The request carries more than one credential")
	case len(p.Authorization) == 0 && len(p.APIKey) == 0:
		return "", false, unauthorized("The request carries no credential; send a token as Authorization: Bearer, or an API key as X-API-Key")
	case len(p.Authorization) == 0:
		return nonEmpty(p.APIKey[0], true)
	}
	scheme, bearer, _ := strings.Cut(p.Authorization[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", false, unauthorized("The Authorization header is not of the Bearer scheme")
	}
	// RFC 9110, section 11.4: one space or more.
	bearer = strings.TrimLeft(bearer, " ")
	isKey = strings.HasPrefix(bearer, keyMark)
	if len(p.APIKey) == 1 && !(isKey && subtle.ConstantTimeCompare([]byte(bearer), []byte(p.APIKey[0])) == 1) {
		return "", false, unauthorized("The request carries two different credentials")
	}
	return nonEmpty(bearer, isKey)
}

func nonEmpty(token string, isKey bool) (string, bool, error) {
	if token == "" {
		return "", false, unauthorized("The request carries an empty credential")
	}
	return token, isKey, nil
}

// organization returns the organization that a system service account acts in.
func (p Presented) organization() (uuid.UUID, error) {
	if len(p.Organization) == 1 {
		if id, ok := parseUUID(p.Organization[0]); ok {
			return id, nil
		}
	}
	return uuid.Nil, strongroom.Errorf(strongroom.CodeBadRequest, "A system service account names the organization it acts in with one X-Organization-ID header, a UUID")
}

// parseUUID takes the usual form of 36 characters alone, and not the nil UUID.
func parseUUID(s string) (uuid.UUID, bool) {
	const usual = 36
	if len(s) != usual {
		return uuid.Nil, false
	}
	id, err := uuid.Parse(s)
	return id, err == nil && id != uuid.Nil
}

func unauthorized(message string) error {
	return strongroom.Errorf(strongroom.CodeUnauthorized, "%s", message)
}
