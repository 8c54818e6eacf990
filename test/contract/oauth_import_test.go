package contract_test

import (
	"net/http"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/oauth/oauthtest"
)

func TestATokenThatWasMadeElsewhereIsKeptFresh(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	body := func(g oauthtest.Grant, more object) object {
		return object{"name": "Imported", "provider": "acme", "credential_type": "oauth2",
			"credentials": merge(object{"access_token": g.AccessToken, "refresh_token": g.RefreshToken}, more)}
	}
	seconds := func(d time.Duration) int64 { return time.Now().Add(d).Unix() }
	for _, c := range []struct {
		name      string
		client    string
		more      object
		exchanges int
	}{
		{"that is valid is given out as it is", "", object{"expires_at": "2100-01-01T00:00:00Z"}, 0},
		{"that is valid by seconds since 1970, too", "", object{"expires_at": seconds(time.Hour)}, 0},
		{"that has ended is renewed first", "", object{"expires_at": "2020-01-01T00:00:00Z"}, 1},
		{"that is about to end is renewed first", "", object{"expires_at": seconds(30 * time.Second)}, 1},
		{"of which nobody says when it ends is renewed first", "", object{}, 1},
		{"is renewed by the client that came with it", oauthtest.ConfidentialPost,
			object{"expires_at": "2020-01-01T00:00:00Z", "client_id": oauthtest.ConfidentialPost, "client_secret": oauthtest.ClientSecret}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			g := s.provider.MakeGrant(oauthtest.GrantRequest{ClientID: c.client})
			id := s.store(owner, body(g, c.more))
			for range 3 {
				data := s.opened(s.program, id)
				grant := s.grantOf(data)
				want(t, "the exchanges", []int{grant.Attempts, grant.Exchanges}, []int{c.exchanges, c.exchanges})
				want(t, "the refresh token", data["refresh_token"], grant.RefreshTokenCurrent)
				want(t, "client_id in the data", data["client_id"], c.more["client_id"])
			}
			metadata := s.object(s.get(owner, credentialsPath+"/"+id), 200)
			want(t, "the version", metadata["version"], 1+c.exchanges)
			want(t, "the status", metadata["status"], "active")
		})
	}
	t.Run("by a client that is not the grant's is not renewed", func(t *testing.T) {
		s := s.on(t)
		g := s.provider.MakeGrant(oauthtest.GrantRequest{})
		id := s.store(owner, body(g, object{"expires_at": "2020-01-01T00:00:00Z", "client_id": "nobody", "client_secret": canary}))
		s.failed(s.get(s.program, credentialsPath+"/"+id+"/credentials"), 503, "refresh_failed", "refresh_failing", "client_rejected")
	})
	t.Run("is given out without its refresh token to whom the grants do not show it", func(t *testing.T) {
		s := s.on(t)
		narrow := s.account(s.here.id, strongroom.Grant{Providers: []string{"acme"}})
		id := s.store(owner, body(s.provider.MakeGrant(oauthtest.GrantRequest{}), object{"expires_at": "2020-01-01T00:00:00Z"}))
		data := s.opened(narrow, id)
		want(t, "refresh_token", data["refresh_token"], nil)
		want(t, "whether it works", s.grantOf(data).Exchanges, 1)
	})
}

func TestAClientsOwnTokenIsFetchedWhenThereIsNone(t *testing.T) {
	s := startOAuth(t, nil)
	count := func() int { return s.provider.Stats().Exchanges["client_credentials"] }
	body := func(data object) object {
		return object{"name": "x", "provider": "acme", "credential_type": "client_credentials", "credentials": data}
	}
	t.Run("by the client in the data", func(t *testing.T) {
		s := s.on(t)
		client := object{"client_id": oauthtest.ConfidentialPost, "client_secret": oauthtest.ClientSecret}
		id := s.store(s.here.owner, body(client))
		want(t, "the exchanges before anybody asks", count(), 0)
		data := s.opened(s.program, id)
		want(t, "whose token it is", s.grantOf(data).ClientID, oauthtest.ConfidentialPost)
		want(t, "the client in the data", object{"client_id": data["client_id"], "client_secret": data["client_secret"]}, client)
		want(t, "the next answer", s.opened(s.program, id), data)
		want(t, "the exchanges", count(), 1)
	})
	t.Run("and the next when its time is over", func(t *testing.T) {
		s := s.on(t)
		before := count()
		id := s.store(s.here.owner, body(object{"client_id": oauthtest.ConfidentialPost, "client_secret": oauthtest.ClientSecret,
			"access_token": canary, "expires_at": "2020-01-01T00:00:00Z"}))
		s.grantOf(s.opened(s.program, id))
		want(t, "the exchanges", count(), before+1)
	})
	t.Run("and not at all without a client", func(t *testing.T) {
		s := s.on(t)
		want(t, "detail", s.detail(s.call(s.here.owner, http.MethodPost, credentialsPath, body(object{}))),
			[]string{"body.credentials.client_id: missing", "body.credentials.client_secret: missing"})
	})
	t.Run("and says so when the client is refused", func(t *testing.T) {
		s := s.on(t)
		id := s.store(s.here.owner, body(object{"client_id": oauthtest.Confidential, "client_secret": canary + "mistyped"}))
		s.failed(s.get(s.program, credentialsPath+"/"+id+"/credentials"), 503, "refresh_failed", "refresh_failing", "client_rejected")
	})
}

func TestDeletingCanRevokeTheGrant(t *testing.T) {
	s := startOAuth(t, nil)
	owner := s.here.owner
	oauth := func(s *oauthScene) (string, string) {
		g := s.provider.MakeGrant(oauthtest.GrantRequest{})
		return s.imported(owner, g, time.Hour), g.ID
	}
	for _, c := range []struct {
		name, query string
		by          who
		make        func(s *oauthScene) (path, grant string)
		fail        oauthtest.Behaviour
		said        string
		alive       bool
	}{
		{"when asked to", "?revoke=true", owner, oauth, oauthtest.Behaviour{Mode: oauthtest.Normal}, "revoked", false},
		{"when an org_admin asks", "?revoke=true", s.here.admin, oauth, oauthtest.Behaviour{Mode: oauthtest.Normal}, "revoked", false},
		{"and does not unless asked to", "", owner, oauth, oauthtest.Behaviour{Mode: oauthtest.Normal}, "", true},
		{"and does not when asked not to", "?revoke=false", owner, oauth, oauthtest.Behaviour{Mode: oauthtest.Normal}, "", true},
		{"and says that it failed, the credential being gone", "?revoke=true", owner, oauth, oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Times: 1}, "failed", true},
		{"and says that there is nothing to revoke", "?revoke=true", owner, func(s *oauthScene) (string, string) {
			return credentialsPath + "/" + s.store(owner, sftp("x", "pw")), ""
		}, oauthtest.Behaviour{Mode: oauthtest.Normal}, "unsupported", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			path, grant := c.make(s)
			id := text(t, s.object(s.get(owner, path), 200), "id")
			c.fail.Endpoint = oauthtest.RevokePath
			s.provider.Behave(c.fail)
			a := s.call(c.by, http.MethodDelete, path+c.query, nil).Want(t, 204)
			want(t, "X-Revocation", a.Header.Get("X-Revocation"), c.said)
			s.get(owner, path).WantError(t, 404, "not_found")
			if grant != "" {
				want(t, "whether the grant lives", s.provider.Grant(grant).Alive, c.alive)
			}
			want(t, "the deletion on record", values(s.events(s.here.admin, "?action=credential.delete&credential_id="+id), "outcome"), []string{"allowed"})
			revocations := []any{}
			if c.said != "" {
				revocations = append(revocations, c.said)
			}
			want(t, "the revocation on record", values(s.events(s.here.admin, "?action=credential.revoke&credential_id="+id), "note"), revocations)
		})
	}
	t.Run("but not by those who may not delete", func(t *testing.T) {
		s := s.on(t)
		path, grant := oauth(s)
		s.call(s.here.other, http.MethodDelete, path+"?revoke=true", nil).WantError(t, 403, "forbidden")
		s.call(s.program, http.MethodDelete, path+"?revoke=true", nil).WantError(t, 403, "user_account_required")
		s.call(s.there.admin, http.MethodDelete, path+"?revoke=true", nil).WantError(t, 404, "not_found")
		s.call(owner, http.MethodDelete, path+"?revoke=perhaps", nil).WantError(t, 422, "validation_error")
		want(t, "whether the grant lives", s.provider.Grant(grant).Alive, true)
		s.get(owner, path).Want(t, 200)
	})
}
