package contract_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// imported stores a grant whose access token is said to end after so long, and returns the
// credential's path.
func (s *oauthScene) imported(w who, g oauthtest.Grant, ends time.Duration) string {
	s.t.Helper()
	return credentialsPath + "/" + s.Import(w.token, "acme", g, ends).String()
}

// failed holds an error to the state that it tells of, and returns its details.
func (s *oauthScene) failed(a apptest.Answer, status int, code, state, reason string) object {
	s.t.Helper()
	a.WantError(s.t, status, code)
	details := s.object(a, status)["error"].(object)["details"].(object)
	want(s.t, "status and reason", []any{details["status"], details["reason"]}, []any{state, reason})
	if _, err := time.Parse(time.RFC3339, text(s.t, details, "since")); err != nil {
		s.t.Error(err)
	}
	return details
}

func TestARenewalThatIsAskedFor(t *testing.T) {
	s := startOAuth(t, nil)
	here := s.here
	for _, c := range []struct {
		name   string
		who    func(id uuid.UUID) who
		status int
		code   string
	}{
		{"by another user is refused", func(uuid.UUID) who { return here.other }, 403, "forbidden"},
		{"by a service account without a grant is refused", func(uuid.UUID) who { return s.program }, 403, "forbidden"},
		{"by one with a grant to read is refused", func(id uuid.UUID) who {
			return s.account(here.id, strongroom.Grant{CredentialIDs: []uuid.UUID{id}, RefreshTokens: true})
		}, 403, "forbidden"},
		{"by one that may write elsewhere is refused", func(uuid.UUID) who {
			return s.account(here.id, strongroom.Grant{Providers: []string{"google"}, Write: true})
		}, 403, "forbidden"},
		{"by another organization's org_admin is refused", func(uuid.UUID) who { return s.there.admin }, 404, "not_found"},
		{"by nobody is refused", func(uuid.UUID) who { return anonymous }, 401, "unauthorized"},
		{"by its owner is made", func(uuid.UUID) who { return here.owner }, 200, ""},
		{"by an org_admin is made", func(uuid.UUID) who { return here.admin }, 200, ""},
		{"by a service account that may write to it is made", func(id uuid.UUID) who {
			return s.account(here.id, strongroom.Grant{CredentialIDs: []uuid.UUID{id}, Write: true})
		}, 200, ""},
		{"by one that may write to the provider's is made", func(uuid.UUID) who {
			return s.account(here.id, strongroom.Grant{Providers: []string{"acme"}, Write: true})
		}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			g := s.provider.MakeGrant(oauthtest.GrantRequest{})
			path := s.imported(here.owner, g, time.Hour)
			before := s.object(s.get(here.owner, path), 200)
			w := c.who(uuid.MustParse(text(t, before, "id")))
			a := s.call(w, http.MethodPost, path+"/refresh", nil)
			if c.code != "" {
				a.WantError(t, c.status, c.code)
				want(t, "the credential", s.object(s.get(here.owner, path), 200), before)
				want(t, "the exchanges", s.provider.Grant(g.ID).Attempts, 0)
				return
			}
			after := s.object(a, c.status)
			want(t, "the answer", after, merge(before, object{"version": 2, "scopes": after["scopes"],
				"expires_at": after["expires_at"], "next_refresh_at": after["next_refresh_at"], "last_refreshed_at": after["last_refreshed_at"], "updated_at": after["updated_at"]}))
			want(t, "what is read afterwards", s.object(s.get(here.owner, path), 200), after)
			if since := time.Since(clockTime(t, after, "last_refreshed_at")); since < 0 || since > time.Minute {
				t.Errorf("it was renewed %s ago", since)
			}
			want(t, "the exchanges", s.provider.Grant(g.ID).Exchanges, 1)
			data := s.object(s.get(s.program, path+"/credentials"), 200)
			want(t, "the refresh token", data["refresh_token"], s.grantOf(data).RefreshTokenCurrent)
			if data["access_token"] == g.AccessToken {
				t.Error("the access token is the old one")
			}
			// Whoever asks at once again has what they want.
			s.call(w, http.MethodPost, path+"/refresh", nil).Want(t, 200)
			want(t, "the exchanges after asking twice", s.provider.Grant(g.ID).Exchanges, 1)

			id := text(t, before, "id")
			asked := s.events(here.admin, "?action=credential.refresh_request&outcome=allowed&credential_id="+id)
			want(t, "who asked, on record", values(asked, "principal_id"), []any{w.id, w.id})
			made := s.events(here.admin, "?action=credential.refresh&credential_id="+id)
			want(t, "the renewal on record", []any{values(made, "principal_kind"), values(made, "outcome"), values(made, "version"), values(made, "note")},
				[]any{[]string{"strongroom"}, []string{"allowed"}, []int{2}, []string{"renewed"}})
		})
	}
}

func TestWhatHasNoTokenCannotBeRenewed(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	s.call(owner, "POST", credentialsPath+"/"+s.store(owner, sftp("x", "pw"))+"/refresh", nil).WantError(t, 400, "bad_request")
	s.call(owner, "POST", credentialsPath+"/"+uuid.NewString()+"/refresh", nil).WantError(t, 404, "not_found")
	s.call(owner, "POST", credentialsPath+"/x/refresh", nil).WantError(t, 400, "invalid_credential_id")
	t.Run("and a token without a refresh token says so", func(t *testing.T) {
		s := s.on(t)
		path := credentialsPath + "/" + s.store(owner, object{"name": "x", "provider": "acme", "credential_type": "oauth2", "credentials": object{"access_token": canary}})
		s.failed(s.call(owner, "POST", path+"/refresh", nil), 409, "reauthorization_required", "needs_reauth", "no_refresh_token")
		want(t, "the token", s.object(s.get(s.program, path+"/credentials"), 200)["access_token"], canary)
	})
}

func TestADeadGrantSaysSoAndIsNotAskedForAgain(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	for _, c := range []struct {
		name string
		ends time.Duration
		// served says that the access token has not ended.
		served bool
	}{
		{"and a token that is still valid is given out", time.Hour, true},
		{"and a token that has ended is not", -time.Minute, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			g := s.provider.MakeGrant(oauthtest.GrantRequest{})
			path := s.imported(owner, g, c.ends)
			s.provider.WithdrawConsent(g.ID)
			for range 2 {
				details := s.failed(s.call(owner, "POST", path+"/refresh", nil), 409, "reauthorization_required", "needs_reauth", "invalid_grant")
				want(t, "next_try_at", details["next_try_at"], nil)
			}
			a := s.get(s.program, path+"/credentials")
			if c.served {
				want(t, "the token", s.object(a, 200)["access_token"], g.AccessToken)
			} else {
				s.failed(a, 409, "reauthorization_required", "needs_reauth", "invalid_grant")
			}
			want(t, "how often the provider was asked", s.provider.Grant(g.ID).Attempts, 1)
			metadata := s.object(s.get(owner, path), 200)
			want(t, "the state", []any{metadata["status"], metadata["status_reason"], metadata["next_refresh_at"], metadata["version"]}, []any{"needs_reauth", "invalid_grant", nil, 1})
			if text(t, metadata, "refresh_error") == "" || clockTime(t, metadata, "status_since").After(time.Now()) {
				t.Errorf("the metadata is %s", encode(t, metadata))
			}
			made := s.events(s.here.admin, "?action=credential.refresh&credential_id="+text(t, metadata, "id"))
			want(t, "the failure on record", []any{values(made, "outcome"), values(made, "reason"), values(made, "note")},
				[]any{[]string{"failed"}, []string{"reauthorization_required"}, []string{"invalid_grant"}})
			t.Run("until it gets new data", func(t *testing.T) {
				s := s.on(t)
				next := s.provider.MakeGrant(oauthtest.GrantRequest{})
				after := s.object(s.call(owner, "PATCH", path, object{"credential_type": "oauth2", "credentials": object{
					"access_token": next.AccessToken, "refresh_token": next.RefreshToken, "expires_at": "2020-01-01T00:00:00Z"}}), 200)
				want(t, "the state", []any{after["status"], after["status_since"], after["status_reason"], after["refresh_error"]}, []any{"active", nil, nil, nil})
				s.grantOf(s.object(s.get(s.program, path+"/credentials"), 200))
			})
		})
	}
}

func TestAProviderThatFailsIsToldWithTheTimeToComeBack(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	for _, c := range []struct {
		name      string
		behaviour oauthtest.Behaviour
		state     string
		reason    string
	}{
		{"with a status of its own", oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Body: canary}, "refresh_failing", "provider_error"},
		{"with a web page", oauthtest.Behaviour{Mode: oauthtest.AnswerHTML}, "refresh_failing", "malformed_answer"},
		{"with an error that is no statement about the grant", oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: 400, Body: `{"error":"` + canary + `"}`}, "refresh_failing", "client_rejected"},
		{"by cutting the answer off", oauthtest.Behaviour{Mode: oauthtest.Cut}, "uncertain", "answer_lost"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			valid, ended := s.provider.MakeGrant(oauthtest.GrantRequest{}), s.provider.MakeGrant(oauthtest.GrantRequest{})
			validPath, endedPath := s.imported(owner, valid, time.Hour), s.imported(owner, ended, -time.Minute)
			for _, g := range []oauthtest.Grant{valid, ended} {
				b := c.behaviour
				b.GrantID = g.ID
				s.provider.Behave(b)
			}
			for path, a := range map[string]apptest.Answer{
				validPath: s.call(owner, "POST", validPath+"/refresh", nil),
				endedPath: s.get(s.program, endedPath+"/credentials"),
			} {
				details := s.failed(a, 503, "refresh_failed", c.state, c.reason)
				if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 || seconds > 3600 {
					t.Errorf("Retry-After is %q", a.Header.Get("Retry-After"))
				}
				next, err := time.Parse(time.RFC3339, text(t, details, "next_try_at"))
				metadata := s.object(s.get(owner, path), 200)
				if err != nil || !next.Equal(clockTime(t, metadata, "next_refresh_at").Truncate(time.Second)) {
					t.Errorf("next_try_at is %v, next_refresh_at %v", details["next_try_at"], metadata["next_refresh_at"])
				}
				want(t, "the state", []any{metadata["status"], metadata["status_reason"], metadata["version"]}, []any{c.state, c.reason, 1})
			}
			want(t, "the token that is still valid", s.object(s.get(s.program, validPath+"/credentials"), 200)["access_token"], valid.AccessToken)
		})
	}
	t.Run("until it has recovered", func(t *testing.T) {
		s := s.on(t)
		g := s.provider.MakeGrant(oauthtest.GrantRequest{})
		path := s.imported(owner, g, time.Hour)
		s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, GrantID: g.ID, Times: 1})
		s.failed(s.call(owner, "POST", path+"/refresh", nil), 503, "refresh_failed", "refresh_failing", "provider_error")
		after := s.object(s.call(owner, "POST", path+"/refresh", nil), 200)
		want(t, "the state", []any{after["status"], after["status_since"], after["status_reason"], after["refresh_error"], after["version"]}, []any{"active", nil, nil, nil, 2})
	})
}

func TestTheEntityTagFollowsTheToken(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	t.Run("when somebody asks for a renewal", func(t *testing.T) {
		s := s.on(t)
		path := s.imported(owner, s.provider.MakeGrant(oauthtest.GrantRequest{}), time.Hour)
		tag := s.get(s.program, path+"/credentials").Want(t, 200).Header.Get("ETag")
		s.with(s.program, "GET", path+"/credentials", nil, "If-None-Match", tag).Want(t, 304)
		s.call(owner, "POST", path+"/refresh", nil).Want(t, 200)
		a := s.with(s.program, "GET", path+"/credentials", nil, "If-None-Match", tag).Want(t, 200)
		if a.Header.Get("ETag") == tag || tag == "" {
			t.Errorf("the ETag was %q and is %q", tag, a.Header.Get("ETag"))
		}
		s.with(s.program, "GET", path+"/credentials", nil, "If-None-Match", a.Header.Get("ETag")).Want(t, 304)
	})
	t.Run("when what is stored has ended already", func(t *testing.T) {
		s := s.on(t)
		// Every first version has the same tag.
		other := s.imported(owner, s.provider.MakeGrant(oauthtest.GrantRequest{}), time.Hour)
		tag := s.get(s.program, other+"/credentials").Want(t, 200).Header.Get("ETag")
		path := s.imported(owner, s.provider.MakeGrant(oauthtest.GrantRequest{}), -time.Minute)
		a := s.with(s.program, "GET", path+"/credentials", nil, "If-None-Match", tag).Want(t, 200)
		s.grantOf(s.object(a, 200))
		s.with(s.program, "GET", path+"/credentials", nil, "If-None-Match", a.Header.Get("ETag")).Want(t, 304)
	})
}
