package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/probe/failure"
	"strongroom/secret"
)

const (
	memberEmail   = "email"
	memberSubject = "sub"

	// maxScopes is how many scopes are shown.
	maxScopes = 50
)

var provider = party{"The provider", "the token",
	"it has expired or was revoked: connect the account again", "check the userinfo endpoint in the provider's definition"}

var (
	errNoUserinfo = &failure.Error{Code: strongroom.CheckProtocol, Message: "The provider's definition names no userinfo endpoint, so that there is nothing to test the token with; add one to the definition"}
	errDisabled   = &failure.Error{Code: strongroom.CheckPermission, Message: "An API that this needs is not enabled in the Google Cloud project of the OAuth client; enable it there, and wait a few minutes"}
	errStated     = &failure.Error{Code: strongroom.CheckProtocol, Message: "The provider answered with an error in place of the account; connect the account again"}
)

// UserInfo tests an access token by the definition's userinfo endpoint (OpenID Connect
// Core 1.0, section 5.3). def has its variables filled in, and is resolved where it is
// discovered.
//
// Details are "email" and "sub", as far as the provider tells them, and "scopes", those
// that the token is stored with. It ends after 15 s.
func (p *Prober) UserInfo(ctx context.Context, def catalog.OAuth, data secret.Value) strongroom.CheckResult {
	return p.run(ctx, func(ctx context.Context, t *test) (string, error) {
		var d tokenData
		if err := read(data, &d); err != nil {
			return "", err
		}
		if err := d.check(); err != nil {
			return "", err
		}
		if def.UserinfoEndpoint == "" {
			return "", errNoUserinfo
		}
		request, err := newQuestion(ctx, def.UserinfoEndpoint, d.AccessToken.Value)
		if err != nil {
			return "", err
		}
		for name, value := range def.Headers {
			request.Header.Set(name, value)
		}
		return t.askProvider(request, def, d)
	})
}

// askProvider makes the request and keeps what it tells.
func (t *test) askProvider(request *http.Request, def catalog.OAuth, d tokenData) (string, error) {
	t.sent = append(t.sent, d.AccessToken.Value)
	scopes := d.scopes(def)
	a, err := t.send(request, provider, phaseOperation, true)
	switch {
	case err != nil:
		return "", err
	case a.status != http.StatusOK:
		return "", userinfoRefused(a, def, scopes)
	}
	members, err := provider.object(a)
	if err != nil {
		return "", err
	}
	switch stated := string(members["error"]); {
	case string(members["ok"]) == "false", stated != "" && stated != "null" && stated != "false" && stated != `""`:
		return "", errStated
	}
	t.learn("email", oauth.Member(a.body, cmp.Or(def.EmailMember, memberEmail)))
	t.learn("sub", oauth.Member(a.body, memberSubject))
	if len(scopes) > 0 {
		t.details["scopes"] = scopes[:min(len(scopes), maxScopes)]
	}
	return "The provider took the token and told whose it is", nil
}

// scopes returns the token's scopes, without those that are too long to show.
func (d tokenData) scopes(def catalog.OAuth) []string {
	var found []string
	for _, s := range d.Scope {
		for one := range strings.FieldsFuncSeq(s, func(r rune) bool { return r == ' ' || strings.ContainsRune(def.ScopeSeparator, r) }) {
			if len(one) <= maxDetail && !slices.Contains(found, one) {
				found = append(found, one)
			}
		}
	}
	return found
}

// The error codes that say what a token lacks: of RFC 6750, section 3.1, and Google's old
// and new ones.
const codeScope = "insufficient_scope"

var (
	codesScope    = []string{codeScope, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions", "insufficientScopes"}
	codesDisabled = []string{"SERVICE_DISABLED", "accessNotConfigured"}
)

// userinfoRefused says what an answer other than 200 means.
func userinfoRefused(a answer, def catalog.OAuth, scopes []string) error {
	for _, code := range a.codes() {
		switch {
		case slices.Contains(codesDisabled, code):
			return errDisabled
		case slices.Contains(codesScope, code):
			return lacks(def, scopes)
		}
	}
	return provider.refuses(a.status)
}

// lacks names the definition's scopes that the token does not have.
func lacks(def catalog.OAuth, scopes []string) error {
	var missing []string
	for _, want := range def.Scopes {
		if !slices.ContainsFunc(scopes, func(s string) bool {
			// Google has a long name for the scopes of OpenID Connect.
			return s == want || strings.HasSuffix(s, "/auth/userinfo."+want)
		}) {
			missing = append(missing, want)
		}
	}
	message := "The token may not ask whose it is; connect the account again with the scopes that the provider's definition asks for"
	if len(missing) > 0 {
		message += ", of which it lacks " + strings.Join(missing, ", ")
	}
	return &failure.Error{Code: strongroom.CheckPermission, Message: message}
}
