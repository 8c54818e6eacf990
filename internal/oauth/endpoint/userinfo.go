package endpoint

import (
	"context"
	"encoding/json"
	"regexp"

	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/secret"
)

const (
	defaultEmailMember = "email"
	// maxEmail is the longest address that can be mailed to, in bytes (RFC 5321, section
	// 4.5.3.1).
	maxEmail = 320
)

// emailForm is as much of an address as is needed to show it to people.
var emailForm = regexp.MustCompile(`^[^\s\p{C}@]+@[^\s\p{C}@]+$`)

// Email asks the userinfo endpoint whose account it is (OpenID Connect Core 1.0, section
// 5.3); "" where the answer has no e-mail address. The errors are ErrUnsupported and *Error.
func (c *Caller) Email(ctx context.Context, def catalog.OAuth, accessToken secret.Value) (string, error) {
	if def.UserinfoEndpoint == "" {
		return "", ErrUnsupported
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	request, err := newGet(ctx, def, def.UserinfoEndpoint, accessToken)
	if err != nil {
		return "", err
	}
	document, err := c.get(request)
	if err != nil || saysUnverified(document) {
		return "", err
	}
	return emailIn(def, document), nil
}

// saysUnverified tells whether the provider says that the address is not known to be the
// account's: anybody could have written that one.
func saysUnverified(document []byte) bool {
	var claim struct {
		Verified json.RawMessage `json:"email_verified"`
	}
	if json.Unmarshal(document, &claim) != nil {
		return false // a document of another form has no such claim
	}
	flag := verified(claim.Verified)
	return flag != nil && !*flag
}

// emailIn returns the e-mail address that a document of the provider's states.
func emailIn(def catalog.OAuth, document []byte) string {
	member := def.EmailMember
	if member == "" {
		member = defaultEmailMember
	}
	email := oauth.Member(document, member)
	if len(email) > maxEmail || !emailForm.MatchString(email) {
		return ""
	}
	return email
}
