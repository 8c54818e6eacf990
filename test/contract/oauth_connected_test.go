package contract_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/app"
	"strongroom/internal/oauth/oauthtest"
)

func TestAForgedStatementAboutTheAccountStoresNothing(t *testing.T) {
	s := startOAuth(t, nil)
	mine := s.opened(s.program, s.connect(s.here.owner, ""))
	genuine := strings.Split(text(t, mine, "id_token"), ".")
	payload, err := base64.RawURLEncoding.DecodeString(genuine[1])
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.RawURLEncoding.EncodeToString
	for name, token := range map[string]string{
		"of another connection (its nonce)": strings.Join(genuine, "."),
		"whose account was changed":         genuine[0] + "." + encoded([]byte(strings.Replace(string(payload), "person@", "victim@", 1))) + "." + genuine[2],
		"with no signature":                 genuine[0] + "." + genuine[1] + ".",
		"that says it needs none":           encoded([]byte(`{"alg":"none"}`)) + "." + genuine[1] + ".",
		"signed with the client's secret":   sign(t, "HS256", []byte(oauthtest.ClientSecret), object{"iss": s.provider.URL, "aud": oauthtest.Confidential, "sub": "person", "exp": 4102444800, "iat": 1700000000}),
		"that is no token":                  canary,
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			c := s.begin(user, "")
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Set: map[string]any{"id_token": token}})
			s.wantFailure(user, s.back(c, s.provider.Allow(c.url, "person")), "invalid_id_token", 0)
		})
	}
	t.Run("and one that nobody can check is none", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c := s.begin(user, "")
		address := s.provider.Allow(c.url, "person")
		s.provider.RotateKeys("RS256")
		s.provider.Behave(oauthtest.Behaviour{Endpoint: oauthtest.KeySetPath, Mode: oauthtest.AnswerStatus, Times: 5})
		s.wantFailure(user, s.back(c, address), "invalid_id_token", 0)
		s.provider.Behave(oauthtest.Behaviour{Endpoint: oauthtest.KeySetPath, Mode: oauthtest.Normal})
	})
	t.Run("while new keys of the provider's are fetched", func(t *testing.T) {
		s := s.on(t)
		s.provider.RotateKeys("RS256")
		s.connect(s.newUser(), "")
		s.provider.RotateKeys("ES256")
		s.connect(s.newUser(), "")
	})
}

func TestAConnectedAccountIsACredentialLikeAnyOther(t *testing.T) {
	s := startOAuth(t, nil)
	before := time.Now()
	id := s.connect(s.here.owner, "")
	metadata := s.object(s.get(s.here.owner, credentialsPath+"/"+id), 200)
	wantNewID(t, metadata)
	for _, field := range []string{"created_at", "updated_at"} {
		if at := clockTime(t, metadata, field); at.Before(before.Add(-time.Second)) || at.After(time.Now()) {
			t.Errorf("%s is %s", field, at)
		}
		delete(metadata, field)
	}
	ends := clockTime(t, metadata, "expires_at")
	if left := ends.Sub(before); left < 59*time.Minute || left > 61*time.Minute {
		t.Errorf("the token ends in %s, want an hour", left)
	}
	if renewed := clockTime(t, metadata, "next_refresh_at"); !renewed.Before(ends) || renewed.Before(ends.Add(-16*time.Minute)) {
		t.Errorf("a token that ends at %s is renewed at %s", ends, renewed)
	}
	want(t, "the metadata", metadata, object{
		"id": id, "modified_by": s.here.owner.id, "user_id": s.here.owner.id, "name": "Test provider", "provider": "acme", "credential_type": "oauth2",
		"status": "active", "status_since": nil, "status_reason": nil, "version": 1, "google_email": nil, "account_email": "person@example.com",
		"expires_at": metadata["expires_at"], "next_refresh_at": metadata["next_refresh_at"], "scopes": []string{"openid", "offline_access"},
		"last_used_at": nil, "last_checked_at": nil, "last_check": nil, "last_refreshed_at": nil, "refresh_error": nil,
		"health": nil, "next_check_at": nil, "known_host": nil, "rotation_policy": nil, "last_rotated_at": nil, "next_rotation_at": nil,
	})

	data := s.opened(s.program, id)
	grant := s.grantOf(data)
	want(t, "token_type", strings.ToLower(text(t, data, "token_type")), "bearer")
	want(t, "scope", data["scope"], "openid offline_access")
	want(t, "refresh_token", data["refresh_token"], grant.RefreshTokenCurrent)
	want(t, "whose grant it is", grant.Username, "person")
	if at := clockTime(t, data, "expires_at"); !at.Equal(ends) {
		t.Errorf("the data's expires_at is %s, the metadata's %s", at, ends)
	}
	if _, ok := data["expires_in"]; ok {
		t.Error("the data has a time that is relative to a moment that is over")
	}
	for _, w := range []who{s.here.owner, s.here.admin} {
		s.get(w, credentialsPath+"/"+id+"/credentials").WantError(t, 403, "service_account_required")
	}
	s.get(s.account(s.there.id), credentialsPath+"/"+id+"/credentials").WantError(t, 404, "not_found")
	logs := s.Logs.String()
	for _, member := range []string{"access_token", "refresh_token", "id_token"} {
		if strings.Contains(logs, text(t, data, member)) {
			t.Errorf("the log holds the %s", member)
		}
	}
}

func TestWhoseAccountItIsIsAskedWhereNoIDTokenSaysSo(t *testing.T) {
	s := startOAuth(t, nil)
	failing := oauthtest.Behaviour{Endpoint: oauthtest.UserInfoPath, Mode: oauthtest.AnswerStatus, Times: 1}
	page := oauthtest.Behaviour{Endpoint: oauthtest.UserInfoPath, Mode: oauthtest.AnswerHTML, Times: 1}
	for _, c := range []struct {
		name      string
		query     string
		behaviour oauthtest.Behaviour
		right     any
	}{
		{"at the userinfo endpoint", "&scopes=offline_access", oauthtest.Behaviour{Mode: oauthtest.Normal}, "person@example.com"},
		{"at the userinfo endpoint when the answer leaves it out", "", oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Remove: []string{"id_token"}}, "person@example.com"},
		{"and a connection is made even where nobody answers", "&scopes=offline_access", failing, nil},
		{"and a connection is made even where a web page answers", "&scopes=offline_access", page, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			s.provider.Behave(c.behaviour)
			metadata := s.object(s.get(user, credentialsPath+"/"+s.connect(user, c.query)), 200)
			want(t, "account_email", metadata["account_email"], c.right)
			want(t, "google_email", metadata["google_email"], nil)
		})
	}
}

func TestWhatTheProviderDoesNotSayIsFilledInAsTheStandardHasIt(t *testing.T) {
	s := startOAuth(t, nil)
	for _, c := range []struct {
		name      string
		query     string
		behaviour oauthtest.Behaviour
		check     func(t *testing.T, metadata, data object)
	}{
		{"scopes that are not mentioned are those asked for", "&scopes=offline_access+mail", oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Remove: []string{"scope"}}, func(t *testing.T, metadata, data object) {
			want(t, "scopes", metadata["scopes"], []string{"offline_access", "mail"})
			want(t, "scope", data["scope"], "offline_access mail")
		}},
		{"scopes that were given differ from those asked for", "", oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Set: map[string]any{"scope": "openid less"}}, func(t *testing.T, metadata, data object) {
			want(t, "scopes", metadata["scopes"], []string{"openid", "less"})
			want(t, "scope", data["scope"], "openid less")
		}},
		{"a lifetime that is not mentioned is the definition's", "", oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Remove: []string{"expires_in"}}, func(t *testing.T, metadata, data object) {
			if left := time.Until(clockTime(t, metadata, "expires_at")); left < 59*time.Minute || left > time.Hour {
				t.Errorf("the token ends in %s, want an hour", left)
			}
		}},
		{"members that nobody knows are kept", "", oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Set: map[string]any{"instance_url": "https://x.example", "nested": object{"a": []any{1, nil}}}}, func(t *testing.T, metadata, data object) {
			want(t, "instance_url", data["instance_url"], "https://x.example")
			want(t, "nested", data["nested"], object{"a": []any{1, nil}})
		}},
		{"a client that the answer names is not believed", "", oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Set: map[string]any{"client_id": "evil", "client_secret": "evil"}}, func(t *testing.T, metadata, data object) {
			want(t, "client_id", data["client_id"], nil)
			want(t, "client_secret", data["client_secret"], nil)
		}},
		{"a connection without a refresh token is stored and says so when its time comes", "&scopes=openid", oauthtest.Behaviour{Mode: oauthtest.Normal}, func(t *testing.T, metadata, data object) {
			want(t, "refresh_token", data["refresh_token"], nil)
			want(t, "next_refresh_at", metadata["next_refresh_at"], metadata["expires_at"])
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			user := s.newUser()
			s.provider.Behave(c.behaviour)
			id := s.connect(user, c.query)
			c.check(t, s.object(s.get(user, credentialsPath+"/"+id), 200), s.opened(s.program, id))
		})
	}
}

// withFolder gives acme's type a member that no provider gives.
func withFolder(c *app.Config) {
	path := filepath.Join(c.Catalog, "acme.yaml")
	definition, err := os.ReadFile(path)
	if err != nil {
		panic(err)
	}
	changed := strings.Replace(string(definition), "oauth2: {oauth: true}",
		"oauth2:\n    oauth: true\n    properties:\n      folder_id: {title: Folder, description: Where files are received., type: string, maxLength: 64}", 1)
	if err := os.WriteFile(path, []byte(changed), 0o600); err != nil {
		panic(err)
	}
}

func TestConnectingAgainGivesTheSameCredentialANewGrant(t *testing.T) {
	s := startOAuth(t, withFolder)
	owner := s.here.owner
	old := s.provider.MakeGrant(oauthtest.GrantRequest{Username: "old"})
	imported := object{"name": "Old", "provider": "acme", "credential_type": "oauth2", "credentials": object{
		"access_token": old.AccessToken, "refresh_token": old.RefreshToken, "id_token": "old", "folder_id": "inbox", "email": "old@example.com", "scope": "old", "expires_at": "2020-01-01T00:00:00Z"}}
	for _, c := range []struct {
		name string
		by   who
		form func(s *oauthScene, w who, id string) begun
	}{
		{"by its owner", owner, func(s *oauthScene, w who, id string) begun { return s.begin(w, "&credential_id="+id+"&name=Other") }},
		{"by an org_admin it stays the owner's", s.here.admin, func(s *oauthScene, w who, id string) begun { return s.begin(w, "&credential_id="+id) }},
		{"through the form of a plugin", owner, func(s *oauthScene, w who, id string) begun {
			return s.connection(s.call(w, "POST", "/api/plugins/acme/oauth/authorize", object{"redirect_to": landing, "credential_id": id}))
		}},
		{"through the form of an integration's plugin", owner, func(s *oauthScene, w who, id string) begun {
			return s.connection(s.call(w, "POST", "/api/integrations/plugins/acme/oauth/authorize", object{"redirect_to": landing, "credential_id": id}))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			id := s.store(owner, imported)
			s.provider.WithdrawConsent(old.ID)
			s.get(s.program, credentialsPath+"/"+id+"/credentials").WantError(t, 409, "reauthorization_required")
			count, before := len(s.list(s.get(owner, credentialsPath))), s.object(s.get(owner, credentialsPath+"/"+id), 200)
			want(t, "the status before", before["status"], "needs_reauth")

			again := c.form(s, c.by, id)
			want(t, "where the browser lands", s.credentialOf(s.back(again, s.provider.Allow(again.url, "person"))), id)
			after := s.object(s.get(owner, credentialsPath+"/"+id), 200)
			want(t, "the metadata", after, merge(before, object{"version": 2, "status": "active", "status_since": nil, "status_reason": nil, "refresh_error": nil,
				"account_email": "person@example.com", "scopes": []string{"openid", "offline_access"}, "modified_by": c.by.id,
				"updated_at": after["updated_at"], "expires_at": after["expires_at"], "next_refresh_at": after["next_refresh_at"]}))
			data := s.opened(s.program, id)
			want(t, "what the provider does not give", data["folder_id"], "inbox")
			want(t, "the e-mail in the data", data["email"], "person@example.com")
			want(t, "scope", data["scope"], "openid offline_access")
			want(t, "the refresh token", data["refresh_token"], s.grantOf(data).RefreshTokenCurrent)
			if data["id_token"] == "old" {
				t.Error("the old ID token is still there")
			}
			s.wantCredentials(owner, count)
			want(t, "the change on record", values(s.events(s.here.admin, "?action=credential.update&credential_id="+id), "principal_id"), []any{c.by.id})
			s.object(s.call(owner, "POST", credentialsPath+"/"+id+"/refresh", nil), 200)
		})
	}
}

func TestConnectingAgainThatIsRefusedLeavesTheCredentialAsItWas(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	// look is what must be the same before and after.
	look := func(s *oauthScene, id string) string {
		return encode(s.t, s.object(s.get(owner, credentialsPath+"/"+id), 200)) + encode(s.t, s.opened(s.program, id))
	}
	for name, fail := range map[string]func(s *oauthScene, c begun) url.Values{
		"by the user": func(s *oauthScene, c begun) url.Values { return s.back(c, s.provider.Deny(c.url, "person")) },
		"by the provider": func(s *oauthScene, c begun) url.Values {
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Times: 1})
			return s.back(c, s.provider.Allow(c.url, "person"))
		},
		"by a forged ID token": func(s *oauthScene, c begun) url.Values {
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Rewrite, Times: 1, Set: map[string]any{"id_token": "a.b.c"}})
			return s.back(c, s.provider.Allow(c.url, "person"))
		},
		"by another browser": func(s *oauthScene, c begun) url.Values {
			return s.landed(s.send(returning(s.provider.Allow(c.url, "person"))))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := s.on(t)
			id := s.connect(owner, "")
			s.opened(s.program, id) // last_used_at is noted
			before := look(s, id)
			if q := fail(s, s.begin(owner, "&credential_id="+id)); q.Get("error") == "" {
				t.Errorf("the browser lands with %v", q)
			}
			want(t, "the credential", look(s, id), before)
		})
	}
	t.Run("and one that is deleted meanwhile stays so", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		id := s.connect(user, "")
		c := s.begin(user, "&credential_id="+id)
		s.call(user, http.MethodDelete, credentialsPath+"/"+id, nil).Want(t, 204)
		s.wantFailure(user, s.back(c, s.provider.Allow(c.url, "person")), "not_stored", 0)
		s.get(user, credentialsPath+"/"+id).WantError(t, 404, "not_found")
	})
	t.Run("and the refusal is the same for what is not there", func(t *testing.T) {
		s := s.on(t)
		foreign := s.connect(s.there.owner, "")
		for _, id := range []string{foreign, uuid.NewString()} {
			s.get(owner, authorizePath+"?redirect_to="+url.QueryEscape(landing)+"&credential_id="+id).WantError(t, 404, "not_found")
		}
	})
}
