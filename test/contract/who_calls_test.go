package contract_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/identity"
	"strongroom/internal/store"
)

// claims are those of a good token of an app_user.
func (s *scene) claims() object {
	return object{"iss": app.DevIssuer, "aud": app.DevAudience, "sub": s.here.owner.id, "organization_id": s.here.id,
		"role": "app_user", "exp": time.Now().Add(time.Hour).Unix()}
}

// sign makes a JWT.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key []byte, claims object) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func unsigned(t testing.TB, claims object) string {
	t.Helper()
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"none","typ":"JWT"}`)) + "." + part([]byte(encode(t, claims))) + "."
}

func TestTokensThatAreNotAccepted(t *testing.T) {
	s := start(t, nil)
	changed := func(changes object) string { return sign(t, jose.HS256, s.JWTSecret, merge(s.claims(), changes)) }
	without := func(claim string) string {
		c := s.claims()
		delete(c, claim)
		return sign(t, jose.HS256, s.JWTSecret, c)
	}
	good := changed(nil)
	s.get(who{token: good}, "/api/profile/me").Want(t, 200)
	for name, token := range map[string]string{
		"one that has expired":                    changed(object{"exp": time.Now().Add(-time.Hour).Unix()}),
		"one that is not valid yet":               changed(object{"nbf": time.Now().Add(time.Hour).Unix()}),
		"one without an expiry":                   without("exp"),
		"one of another issuer":                   changed(object{"iss": "https://other.example.com"}),
		"one without an issuer":                   without("iss"),
		"one for another audience":                changed(object{"aud": "other"}),
		"one without an audience":                 without("aud"),
		"one without a user":                      without("sub"),
		"one whose user is no UUID":               changed(object{"sub": "7"}),
		"one whose user is nobody":                changed(object{"sub": uuid.Nil}),
		"one without an organization":             without("organization_id"),
		"one whose organization is nobody":        changed(object{"organization_id": uuid.Nil}),
		"one without a role":                      without("role"),
		"one of a role that there is not":         changed(object{"role": "superuser"}),
		"one of two roles":                        changed(object{"role": []string{"org_admin"}}),
		"one signed with another secret":          sign(t, jose.HS256, []byte(strings.Repeat("x", 64)), s.claims()),
		"one signed with another algorithm":       sign(t, jose.HS512, s.JWTSecret, s.claims()),
		"one that is not signed":                  unsigned(t, s.claims()),
		"one with a signature cut off":            good[:len(good)-4],
		"one without its signature":               good[:strings.LastIndex(good, ".")+1],
		"one with other claims under a signature": strings.Join([]string{strings.Split(good, ".")[0], strings.Split(unsigned(t, merge(s.claims(), object{"role": "org_admin"})), ".")[1], strings.Split(good, ".")[2]}, "."),
		"words":               "let-me-in",
		"something very long": strings.Repeat("a", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			s.on(t).get(who{token: token}, "/api/profile/me").WantError(t, 401, "unauthorized")
		})
	}
}

func TestKeysThatAreNotAccepted(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id)
	s.get(program, "/api/profile/me").Want(t, 200)
	last := program.key[len(program.key)-1]
	mistyped := program.key[:len(program.key)-1] + string("ab"[map[bool]int{true: 1}[last == 'a']])
	organization := s.here.id
	unknown, _, _, err := identity.NewAPIKey(&organization, program.id)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]string{
		"a mistyped one":           mistyped,
		"one cut off":              program.key[:len(program.key)-1],
		"one with more behind it":  program.key + "0",
		"one in capitals":          strings.ToUpper(program.key),
		"its prefix":               program.key[:30],
		"one that was never made":  string(unknown.Reveal()),
		"one of the other kind":    "saf_sys_" + program.key[len("saf_org_00000000_"):],
		"one that has expired":     s.expiredKey(s.here.id, program.id).key,
		"words":                    "let-me-in",
		"a user's token for a key": s.here.admin.token,
		"something very long":      "saf_" + strings.Repeat("a", 20000),
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			s.get(who{key: key}, "/api/profile/me").WantError(t, 401, "unauthorized")
			if strings.HasPrefix(key, "saf_") {
				s.get(who{token: key}, "/api/profile/me").WantError(t, 401, "unauthorized")
			}
		})
	}
}

// expiredKey puts a key with an expiry in the past behind the API, which makes none.
func (s *scene) expiredKey(organization, account uuid.UUID) who {
	s.t.Helper()
	token, prefix, hash, err := identity.NewAPIKey(&organization, account)
	if err != nil {
		s.t.Fatal(err)
	}
	past := strongroom.Timestamp(time.Now().Add(-time.Second))
	key := strongroom.APIKey{ID: uuid.Must(uuid.NewV7()), ServiceAccountID: account, OrganizationID: &organization,
		Name: "expired", TokenPrefix: prefix, CreatedAt: past, UpdatedAt: past, ExpiresAt: &past}
	if err := s.App.Store.Write(context.Background(), func(tx store.Tx) error { return tx.CreateAPIKey(key, hash) }); err != nil {
		s.t.Fatal(err)
	}
	return who{key: string(token.Reveal())}
}

func TestHowACredentialIsPresented(t *testing.T) {
	s := start(t, nil)
	program, second := s.account(s.here.id), s.account(s.here.id)
	user := s.here.owner
	const bearer = "Bearer "
	for _, c := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"a token as a bearer", []string{"Authorization", bearer + user.token}, 200},
		{"the scheme in any case", []string{"Authorization", "bEARER " + user.token}, 200},
		{"more than one space", []string{"Authorization", "Bearer   " + user.token}, 200},
		{"a key in its own header", []string{"X-API-Key", program.key}, 200},
		{"a key as a bearer", []string{"Authorization", bearer + program.key}, 200},
		{"the same key in both", []string{"Authorization", bearer + program.key, "X-API-Key", program.key}, 200},
		{"none", nil, 401},
		{"two different keys", []string{"Authorization", bearer + program.key, "X-API-Key", second.key}, 401},
		{"a token and a key", []string{"Authorization", bearer + user.token, "X-API-Key", program.key}, 401},
		{"a token and an empty key", []string{"Authorization", bearer + user.token, "X-API-Key", ""}, 401},
		{"two tokens", []string{"Authorization", bearer + user.token, "Authorization", bearer + s.here.admin.token}, 401},
		{"the same token twice", []string{"Authorization", bearer + user.token, "Authorization", bearer + user.token}, 401},
		{"the same key twice", []string{"X-API-Key", program.key, "X-API-Key", program.key}, 401},
		{"another scheme", []string{"Authorization", "Basic " + user.token}, 401},
		{"no scheme", []string{"Authorization", user.token}, 401},
		{"a scheme alone", []string{"Authorization", "Bearer"}, 401},
		{"an empty key", []string{"X-API-Key", ""}, 401},
		{"a cookie", []string{"Cookie", "token=" + user.token}, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.on(t).with(anonymous, "GET", "/api/profile/me", nil, c.headers...)
			if c.status == 401 {
				a.WantError(t, 401, "unauthorized")
			}
			a.Want(t, c.status)
		})
	}
	t.Run("never in the query", func(t *testing.T) {
		s.on(t).get(anonymous, "/api/profile/me?access_token="+user.token+"&api_key="+program.key).WantError(t, 401, "unauthorized")
	})
}

func TestTheOrganizationHeader(t *testing.T) {
	s := start(t, nil)
	mine, theirs := s.store(s.here.owner, sftp("mine", "pw")), s.store(s.there.owner, sftp("theirs", "pw"))
	system := s.system("")
	for _, c := range []struct {
		name    string
		headers []string
		ids     []string
	}{
		{"names the organization to act in", []string{"X-Organization-ID", s.here.id.String()}, []string{mine}},
		{"names another with the next request", []string{"X-Organization-ID", s.there.id.String()}, []string{theirs}},
		{"may name one that nobody knows", []string{"X-Organization-ID", uuid.NewString()}, []string{}},
		{"may not be missing", nil, nil},
		{"may not be empty", []string{"X-Organization-ID", ""}, nil},
		{"may not be malformed", []string{"X-Organization-ID", "here"}, nil},
		{"may not be a UUID in another form", []string{"X-Organization-ID", "urn:uuid:" + s.here.id.String()}, nil},
		{"may not be the nil UUID", []string{"X-Organization-ID", uuid.Nil.String()}, nil},
		{"may not be there twice", []string{"X-Organization-ID", s.here.id.String(), "X-Organization-ID", s.there.id.String()}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			a := s.with(system, "GET", credentialsPath, nil, c.headers...)
			if c.ids == nil {
				a.WantError(t, 400, "bad_request")
				return
			}
			want(t, "the list", values(s.list(a), "id"), c.ids)
		})
	}
	t.Run("says nothing for those who belong to an organization", func(t *testing.T) {
		s := s.on(t)
		for _, w := range []who{s.account(s.here.id), s.here.owner} {
			a := s.with(w, "GET", credentialsPath, nil, "X-Organization-ID", s.there.id.String())
			want(t, "the list", values(s.list(a), "id"), []string{mine})
			s.with(w, "GET", credentialsPath+"/"+theirs, nil, "X-Organization-ID", s.there.id.String()).WantError(t, 404, "not_found")
		}
	})
}

func TestWhoAmI(t *testing.T) {
	s := start(t, nil)
	program := s.account(s.here.id, strongroom.Grant{Providers: []string{"sftp"}, Write: true})
	system := s.system(s.there.id.String())
	keyID := func(w who) any {
		return s.object(s.get(w, "/api/profile/me"), 200)["api_key_id"]
	}
	for _, c := range []struct {
		name  string
		who   who
		right object
	}{
		{"an org_admin", s.here.admin, object{"kind": "user", "id": s.here.admin.id, "organization_id": s.here.id, "role": "org_admin",
			"email": "someone@example.com", "api_key_id": nil, "grants": []any{}}},
		{"a user of a lesser role", s.user(s.here.id, strongroom.RoleWorker), object{"kind": "user", "organization_id": s.here.id, "role": "worker",
			"email": "someone@example.com", "api_key_id": nil, "grants": []any{}}},
		{"a user without an e-mail address", who{id: s.here.owner.id, token: sign(t, jose.HS256, s.JWTSecret, s.claims())}, object{"kind": "user",
			"organization_id": s.here.id, "role": "app_user", "email": nil, "api_key_id": nil, "grants": []any{}}},
		{"a service account", program, object{"kind": "service_account", "organization_id": s.here.id, "role": nil, "email": nil,
			"api_key_id": keyID(program), "grants": []any{object{"providers": []string{"sftp"}, "write": true}}}},
		{"a system service account", system, object{"kind": "system_service_account", "organization_id": s.there.id, "role": nil, "email": nil,
			"api_key_id": keyID(system), "grants": []any{}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			want(t, "the profile", s.object(s.get(c.who, "/api/profile/me"), 200), merge(c.right, object{"id": c.who.id}))
		})
	}
	if id, ok := keyID(program).(string); !ok || uuid.Validate(id) != nil {
		t.Error("a service account does not learn which key it uses")
	}
}
