package identity_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/identity"
	"strongroom/secret"
)

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func raw(parts ...string) string {
	for i, part := range parts {
		parts[i] = base64.RawURLEncoding.EncodeToString([]byte(part))
	}
	return strings.Join(parts, ".")
}

func withSecret(t testing.TB, paths identity.ClaimPaths) (*identity.Authenticator, *fakeClock) {
	t.Helper()
	clock := newClock()
	return identity.New(&memory{}, []*identity.Issuer{secretIssuer(t, clock, paths)}, clock.time), clock
}

func hs256(t testing.TB, changes map[string]any) string {
	t.Helper()
	return sign(t, "HS256", sharedSecret, "", mustJSON(t, claims(secretName, changes)))
}

func TestTokensWhoseClaimsAreRefused(t *testing.T) {
	a, _ := withSecret(t, identity.ClaimPaths{})
	at := func(d time.Duration) any { return startOfTime.Add(d).Unix() }
	for name, changes := range map[string]map[string]any{
		"no issuer":                       {"iss": nil},
		"another issuer":                  {"iss": "https://elsewhere.example"},
		"an issuer with a slash more":     {"iss": secretName + "/"},
		"an issuer list":                  {"iss": []string{secretName}},
		"no audience":                     {"aud": nil},
		"another audience":                {"aud": "elsewhere"},
		"an audience in another case":     {"aud": "Strongroom"},
		"an empty audience":               {"aud": ""},
		"an empty audience list":          {"aud": []string{}},
		"an audience list without ours":   {"aud": []string{"a", "b"}},
		"an audience that is a number":    {"aud": 1},
		"no expiry":                       {"exp": nil},
		"an expiry of null":               {"exp": json.RawMessage("null")},
		"an expiry as a string":           {"exp": fmt.Sprint(at(time.Hour))},
		"an expiry as a date":             {"exp": startOfTime.Add(time.Hour).Format(time.RFC3339)},
		"an expiry of true":               {"exp": true},
		"an expiry beyond all time":       {"exp": json.RawMessage("1e300")},
		"an expiry past the leeway":       {"exp": at(-31 * time.Second)},
		"an expiry of 0":                  {"exp": 0},
		"a negative expiry":               {"exp": -1},
		"a start past the leeway":         {"nbf": at(31 * time.Second)},
		"a start beyond all time":         {"nbf": json.RawMessage("1e300")},
		"a start as a string":             {"nbf": "0"},
		"issued in the future":            {"iat": at(31 * time.Second)},
		"no user":                         {"sub": nil},
		"a user that is no UUID":          {"sub": "robin"},
		"the nil user":                    {"sub": uuid.Nil.String()},
		"a user that is a number":         {"sub": 7},
		"a user in braces":                {"sub": "{" + user.String() + "}"},
		"no organization":                 {"organization_id": nil},
		"an organization that is no UUID": {"organization_id": "acme"},
		"the nil organization":            {"organization_id": uuid.Nil.String()},
		"an organization list":            {"organization_id": []string{organization.String()}},
		"no role":                         {"role": nil},
		"an unknown role":                 {"role": "root"},
		"an empty role":                   {"role": ""},
		"a role in another case":          {"role": "Org_Admin"},
		"a role list":                     {"role": []string{"org_admin"}},
		"the operator's kind as a role":   {"role": "operator"},
		"an e-mail that is a number":      {"email": 7},
		"an e-mail that is an object":     {"email": map[string]any{"address": "robin@example.com"}},
		"an e-mail that is too long":      {"email": strings.Repeat("x", 321)},
		"claims too large":                {"more": strings.Repeat("x", 8<<10)},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, a, bearer(hs256(t, changes)), strongroom.CodeUnauthorized)
		})
	}
}

func TestPayloadsThatAreRefused(t *testing.T) {
	a, _ := withSecret(t, identity.ClaimPaths{})
	good := string(mustJSON(t, claims(secretName, nil)))
	for name, payload := range map[string]string{
		"nothing":                  "",
		"no JSON":                  "hello",
		"null":                     "null",
		"a list":                   "[" + good + "]",
		"a string":                 `"` + secretName + `"`,
		"two objects":              good + good,
		"cut off":                  good[:len(good)-1],
		"a user twice":             `{"sub":"` + neighbour.String() + `",` + good[1:],
		"a user twice, escaped":    `{"s\u0075b":"` + neighbour.String() + `",` + good[1:],
		"a role twice":             `{"role":"org_admin",` + good[1:],
		"an expiry twice":          `{"exp":99999999999,` + good[1:],
		"an issuer twice":          `{"iss":"elsewhere",` + good[1:],
		"duplicates deeper within": `{"app":{"a":1,"a":2},` + good[1:],
		"deep nesting":             `{"a":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `,` + good[1:],
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, a, bearer(sign(t, "HS256", sharedSecret, "", []byte(payload))), strongroom.CodeUnauthorized)
		})
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	a, _ := withSecret(t, identity.ClaimPaths{})
	good := hs256(t, nil)
	payload := string(mustJSON(t, claims(secretName, nil)))
	parts := strings.Split(good, ".")
	long := []byte(strings.Repeat("0123456789abcdef", 4))
	for name, token := range map[string]string{
		"no algorithm":              raw(`{"alg":"none"}`, payload, ""),
		"no algorithm, capitalised": raw(`{"alg":"None"}`, payload, ""),
		"an empty algorithm":        raw(`{"alg":""}`, payload, ""),
		"no algorithm named":        raw(`{"typ":"JWT"}`, payload, ""),
		"an algorithm list":         raw(`{"alg":["HS256"]}`, payload, "x"),
		"no signature":              parts[0] + "." + parts[1] + ".",
		"two parts":                 parts[0] + "." + parts[1],
		"four parts":                good + "." + parts[2],
		"five parts":                raw("{}", "", "", "", ""),
		"another header":            raw(`{"alg":"HS256","kid":"x"}`) + "." + parts[1] + "." + parts[2],
		"another payload":           parts[0] + "." + raw(strings.Replace(payload, "app_user", "org_admin", 1)) + "." + parts[2],
		"another secret's":          sign(t, "HS256", []byte(strings.Repeat("x", 32)), "", []byte(payload)),
		"HS384":                     sign(t, "HS384", long, "", []byte(payload)),
		"HS512":                     sign(t, "HS512", long, "", []byte(payload)),
		"RS256 with the secret":     raw(`{"alg":"RS256"}`) + "." + parts[1] + "." + parts[2],
		"an unknown critical part":  raw(`{"alg":"HS256","crit":["x"],"x":1}`) + "." + parts[1] + "." + parts[2],
		"an algorithm twice":        raw(`{"alg":"none","alg":"HS256"}`) + "." + parts[1] + "." + parts[2],
		"the JSON serialization":    `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"dots":                      "..",
		"garbage":                   "\x00\xff\xfe",
		"text":                      "hello",
		"a huge one":                strings.Repeat("x", 1<<20),
		"a huge one of three parts": good + strings.Repeat("x", 1<<20),
	} {
		t.Run(name, func(t *testing.T) { wantRefused(t, a, bearer(token), strongroom.CodeUnauthorized) })
	}
	mustAuthenticate(t, a, bearer(good))
}

func TestWithoutIssuersNoTokenIsAccepted(t *testing.T) {
	a := identity.New(&memory{}, nil, newClock().time)
	wantRefused(t, a, bearer(hs256(t, nil)), strongroom.CodeUnauthorized)
}

func TestAUserIsKnownByAToken(t *testing.T) {
	a, _ := withSecret(t, identity.ClaimPaths{})
	at := func(d time.Duration) any { return startOfTime.Add(d).Unix() }
	for name, c := range map[string]struct {
		changes map[string]any
		email   string
	}{
		"with every claim":               {nil, "robin@example.com"},
		"with an audience list":          {map[string]any{"aud": []string{"other", audience}}, "robin@example.com"},
		"without an e-mail":              {map[string]any{"email": nil}, ""},
		"with an e-mail of null":         {map[string]any{"email": json.RawMessage("null")}, ""},
		"without a time of issue":        {map[string]any{"iat": nil}, "robin@example.com"},
		"expired within the leeway":      {map[string]any{"exp": at(-29 * time.Second)}, "robin@example.com"},
		"starting within the leeway":     {map[string]any{"nbf": at(29 * time.Second)}, "robin@example.com"},
		"issued within the leeway":       {map[string]any{"iat": at(29 * time.Second)}, "robin@example.com"},
		"with fractions of a second":     {map[string]any{"exp": json.RawMessage(fmt.Sprintf("%d.5", at(time.Hour)))}, "robin@example.com"},
		"with ids in upper case letters": {map[string]any{"sub": strings.ToUpper(user.String())}, "robin@example.com"},
		"with claims nobody asks for":    {map[string]any{"groups": []string{"a"}, "amr": map[string]any{"x": 1}}, "robin@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			p := bearer(hs256(t, c.changes))
			p.Organization = []string{neighbour.String()}
			got := mustAuthenticate(t, a, p)
			if got.Kind != strongroom.KindUser || got.ID != user || got.OrganizationID != organization {
				t.Errorf("got %s %s of organization %s", got.Kind, got.ID, got.OrganizationID)
			}
			if got.Role != strongroom.RoleAppUser || got.Email != c.email || got.KeyID != uuid.Nil || got.Grants != nil {
				t.Errorf("role %q, e-mail %q, key %s, %d grants", got.Role, got.Email, got.KeyID, len(got.Grants))
			}
		})
	}
}

func TestATokenStopsWorkingWhenItExpires(t *testing.T) {
	a, clock := withSecret(t, identity.ClaimPaths{})
	token := hs256(t, nil)
	clock.advance(time.Hour + 30*time.Second)
	mustAuthenticate(t, a, bearer(token))
	clock.advance(time.Second)
	wantRefused(t, a, bearer(token), strongroom.CodeUnauthorized)
}

func TestEveryKnownRoleIsAccepted(t *testing.T) {
	a, _ := withSecret(t, identity.ClaimPaths{})
	for _, role := range []strongroom.Role{"org_admin", "app_user", "backoffice", "worker", "publisher", "integration"} {
		if got := mustAuthenticate(t, a, bearer(hs256(t, map[string]any{"role": role}))); got.Role != role {
			t.Errorf("got role %q, want %q", got.Role, role)
		}
	}
}

func TestClaimsAreReadWhereTheConfigurationSays(t *testing.T) {
	id, place := neighbour.String(), organization.String()
	for name, c := range map[string]struct {
		paths   identity.ClaimPaths
		changes map[string]any
	}{
		"within objects": {
			identity.ClaimPaths{User: "user_metadata.id", Organization: "app_metadata.org.id", Role: "app_metadata.role", Email: "user_metadata.email"},
			map[string]any{
				"user_metadata": map[string]any{"id": id, "email": "sam@example.com"},
				"app_metadata":  map[string]any{"role": "org_admin", "org": map[string]any{"id": place}},
			},
		},
		"under names with dots": {
			identity.ClaimPaths{User: "https://example.com/user", Organization: "https://example.com/org", Role: "https://example.com/role", Email: "https://example.com/email"},
			map[string]any{
				"https://example.com/user": id, "https://example.com/org": place,
				"https://example.com/role": "org_admin", "https://example.com/email": "sam@example.com",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			a, _ := withSecret(t, c.paths)
			got := mustAuthenticate(t, a, bearer(hs256(t, c.changes)))
			if got.ID != neighbour || got.OrganizationID != organization || got.Role != strongroom.RoleOrgAdmin || got.Email != "sam@example.com" {
				t.Errorf("got %s of organization %s, role %q, e-mail %q", got.ID, got.OrganizationID, got.Role, got.Email)
			}
			wantRefused(t, a, bearer(hs256(t, nil)), strongroom.CodeUnauthorized)
		})
	}
}

func TestMintedTokensAreAccepted(t *testing.T) {
	a, _ := withSecret(t, identity.ClaimPaths{})
	key := secret.New(sharedSecret)
	minted := identity.TokenClaims{
		Issuer: secretName, Audience: audience, UserID: user, OrganizationID: organization,
		Role: strongroom.RoleOrgAdmin, Email: "robin@example.com",
		IssuedAt: startOfTime, ExpiresAt: startOfTime.Add(time.Hour),
	}
	token, err := identity.MintUserToken(key, minted)
	if err != nil {
		t.Fatal(err)
	}
	got := mustAuthenticate(t, a, bearer(string(token.Reveal())))
	if got.ID != user || got.OrganizationID != organization || !got.IsOrgAdmin() || got.Email != "robin@example.com" {
		t.Errorf("got %s of organization %s, role %q, e-mail %q", got.ID, got.OrganizationID, got.Role, got.Email)
	}
	if _, err := identity.MintUserToken(secret.New(sharedSecret[:31]), minted); err == nil {
		t.Error("minted with a secret of 31 bytes")
	}
	minted.ExpiresAt = time.Time{}
	if _, err := identity.MintUserToken(key, minted); err == nil {
		t.Error("minted a token without an expiry")
	}
}

func FuzzClaims(f *testing.F) {
	clock := newClock()
	registered := fmt.Sprintf(`{"iss":%q,"aud":%q,"exp":%d`, secretName, audience, startOfTime.Add(time.Hour).Unix())
	f.Add("sub", "organization_id", "role", "email", `"sub":"`+user.String()+`","organization_id":"`+organization.String()+`","role":"worker"`)
	f.Add("a.b.c", "a.b", "a", "a.b.c.d", `"a":{"b":{"c":"x"}}`)
	f.Add("a.b", "a.b", "a.b", "a.b", `"a.b":null,"a":[{"b":1}]`)
	f.Add("", "..", ".", "a.", `"":"","a":{"":1}`)
	f.Add("sub", "sub", "role", "sub", `"sub":1e999,"role":"\ud800"`)
	f.Fuzz(func(t *testing.T, user, organization, role, email, body string) {
		issuer, err := identity.NewIssuer(identity.IssuerConfig{
			Issuer: secretName, Audience: audience, Secret: secret.New(sharedSecret),
			Claims: identity.ClaimPaths{User: user, Organization: organization, Role: role, Email: email},
		}, nil, clock.time, nil)
		if err != nil {
			return
		}
		a := identity.New(&memory{}, []*identity.Issuer{issuer}, clock.time)
		token := sign(t, "HS256", sharedSecret, "", []byte(registered+","+body+"}"))
		principal, err := a.Authenticate(context.Background(), bearer(token))
		if err != nil {
			if code := strongroom.CodeOf(err); code != strongroom.CodeUnauthorized {
				t.Errorf("code %q, want %q", code, strongroom.CodeUnauthorized)
			}
			return
		}
		if principal.ID == uuid.Nil || principal.OrganizationID == uuid.Nil || !principal.Role.Known() || principal.Kind != strongroom.KindUser {
			t.Errorf("accepted a %s %s of organization %s with role %q", principal.Kind, principal.ID, principal.OrganizationID, principal.Role)
		}
	})
}
