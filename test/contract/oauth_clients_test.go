package contract_test

import (
	"strings"
	"testing"
	"time"

	"strongroom/internal/oauth/oauthtest"
)

// ownClient is the body that stores a client of the organization's own.
func ownClient(id string) object {
	return object{"client_id": id, "client_secret": oauthtest.ClientSecret}
}

func TestAnOAuthClientThatMakesNoSenseIsNotStored(t *testing.T) {
	s := startOAuth(t, nil)
	for _, c := range []struct {
		name, provider string
		body           object
		status         int
		code           string
	}{
		{"for an unknown provider", "gopher", ownClient("own"), 400, "invalid_provider"},
		{"for a provider without OAuth", "sftp", ownClient("own"), 400, "bad_request"},
		{"without an id", "acme", object{"client_secret": canary}, 422, "validation_error"},
		{"with an empty id", "acme", ownClient(""), 422, "validation_error"},
		{"with an id that is too long", "acme", ownClient(strings.Repeat("x", 513)), 422, "validation_error"},
		{"with an id of control characters", "acme", ownClient("a\nb"), 422, "validation_error"},
		{"with an id that is a number", "acme", object{"client_id": 1}, 422, "validation_error"},
		{"with a secret that is too long", "acme", object{"client_id": "own", "client_secret": strings.Repeat("x", 16385)}, 422, "validation_error"},
		{"with a secret of control characters", "acme", object{"client_id": "own", "client_secret": canary + "\x00"}, 422, "validation_error"},
		{"with a field that nobody knows", "acme", merge(ownClient("own"), object{"secret": canary}), 422, "validation_error"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := s.on(t)
			s.call(s.here.admin, "PUT", clientsPath+"/"+c.provider, c.body).WantError(t, c.status, c.code)
			want(t, "the list", s.list(s.get(s.here.admin, clientsPath)), []object{})
		})
	}
	t.Run("and what is not there cannot be removed", func(t *testing.T) {
		s := s.on(t)
		for provider, code := range map[string]string{"gopher": "invalid_provider", "sftp": "bad_request"} {
			s.call(s.here.admin, "DELETE", clientsPath+"/"+provider, nil).WantError(t, 400, code)
		}
		s.call(s.here.admin, "DELETE", clientsPath+"/acme", nil).WantError(t, 404, "not_found")
	})
	t.Run("and one alone cannot be read", func(t *testing.T) {
		s := s.on(t)
		s.get(s.here.admin, clientsPath+"/acme").WantError(t, 404, "not_found")
	})
}

func TestAnOAuthClientsSecretIsNeverSeenAgain(t *testing.T) {
	s := startOAuth(t, nil)
	admin := s.here.admin
	first := s.object(s.call(admin, "PUT", clientsPath+"/ACME", object{"client_id": "own", "client_secret": canary + "first"}), 200)
	want(t, "the answer", first, object{"provider": "acme", "client_id": "own", "modified_by": admin.id, "created_at": first["created_at"], "updated_at": first["created_at"]})
	want(t, "the list", s.list(s.get(admin, clientsPath)), []object{first})
	second := s.object(s.call(admin, "PUT", clientsPath+"/acme", object{"client_id": "other", "client_secret": canary + "second"}), 200)
	want(t, "the answer to the next", second, merge(first, object{"client_id": "other", "updated_at": second["updated_at"]}))
	if !clockTime(t, second, "updated_at").After(clockTime(t, first, "updated_at")) {
		t.Error("updated_at did not move")
	}
	s.call(admin, "PUT", clientsPath+"/beta", object{"client_id": "public"}).Want(t, 200)
	want(t, "the providers", values(s.list(s.get(admin, clientsPath)), "provider"), []string{"acme", "beta"})
	want(t, "what another organization sees", s.list(s.get(s.there.admin, clientsPath)), []object{})
	s.call(s.there.admin, "DELETE", clientsPath+"/acme", nil).WantError(t, 404, "not_found")
	if a := s.call(admin, "DELETE", clientsPath+"/acme", nil).Want(t, 204); len(a.Body) > 0 {
		t.Error("the 204 has a body")
	}
	s.call(admin, "DELETE", clientsPath+"/acme", nil).WantError(t, 404, "not_found")
	want(t, "the providers that are left", values(s.list(s.get(admin, clientsPath)), "provider"), []string{"beta"})

	changes := s.events(admin, "?action=oauth_client.set")
	want(t, "the changes on record", values(changes, "provider"), []string{"beta", "acme", "acme"})
	want(t, "who made them", values(changes, "principal_id"), []any{admin.id, admin.id, admin.id})
	want(t, "the removals on record", values(s.events(admin, "?action=oauth_client.delete"), "outcome"), []string{"denied", "allowed"})
}

func TestAnOrganizationsOwnClientIsUsedInPlaceOfTheOperators(t *testing.T) {
	s := startOAuth(t, nil)
	admin, owner := s.here.admin, s.here.owner
	s.call(admin, "PUT", clientsPath+"/acme", ownClient(oauthtest.ConfidentialPost)).Want(t, 200)
	want(t, "who asks", s.begin(owner, "").asked["client_id"], []string{oauthtest.ConfidentialPost})
	want(t, "who asks for another organization", s.begin(s.there.owner, "").asked["client_id"], []string{oauthtest.Confidential})
	data := s.opened(s.program, s.connect(owner, ""))
	want(t, "whose grant it is", s.grantOf(data).ClientID, oauthtest.ConfidentialPost)
	for _, member := range []string{"client_id", "client_secret"} {
		want(t, member+" in the data", data[member], nil)
	}
	grant := s.provider.MakeGrant(oauthtest.GrantRequest{ClientID: oauthtest.ConfidentialPost})
	imported := s.Import(owner.token, "acme", grant, -1)
	want(t, "the exchanges for an imported grant of that client", s.grantOf(s.opened(s.program, imported.String())).Exchanges, 1)

	s.call(admin, "DELETE", clientsPath+"/acme", nil).Want(t, 204)
	want(t, "who asks when it is gone", s.begin(owner, "").asked["client_id"], []string{oauthtest.Confidential})
	want(t, "whose grant it is then", s.grantOf(s.opened(s.program, s.connect(owner, ""))).ClientID, oauthtest.Confidential)
}

func TestAConnectionEndsWithTheClientThatItBeganWith(t *testing.T) {
	s := startOAuth(t, nil)
	t.Run("which may be stored meanwhile for new ones", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c := s.begin(user, "")
		s.call(s.here.admin, "PUT", clientsPath+"/acme", ownClient(oauthtest.ConfidentialPost)).Want(t, 200)
		id := s.credentialOf(s.back(c, s.provider.Allow(c.url, "person")))
		want(t, "whose grant it is", s.grantOf(s.opened(s.program, id)).ClientID, oauthtest.Confidential)
	})
	t.Run("and cannot where that one is gone", func(t *testing.T) {
		s := s.on(t)
		user := s.newUser()
		c, before := s.begin(user, ""), s.tokenRequests()
		want(t, "who asks", c.asked["client_id"], []string{oauthtest.ConfidentialPost})
		s.call(s.here.admin, "DELETE", clientsPath+"/acme", nil).Want(t, 204)
		s.wantFailure(user, s.back(c, s.provider.Allow(c.url, "person")), "not_stored", 0)
		want(t, "the requests to the token endpoint", s.tokenRequests(), before)
	})
}

func TestWhatAClientConnectedIsRenewedByThatClientAlone(t *testing.T) {
	s := startOAuth(t, nil)
	admin, owner := s.here.admin, s.here.owner
	set := func(s *oauthScene, body object) { s.call(admin, "PUT", clientsPath+"/acme", body).Want(s.t, 200) }
	renewed := func(s *oauthScene, id, client string) {
		s.t.Helper()
		before := s.grantOf(s.opened(s.program, id))
		want(s.t, "whose grant it is", before.ClientID, client)
		s.call(owner, "POST", credentialsPath+"/"+id+"/refresh", nil).Want(s.t, 200)
		want(s.t, "the exchanges", s.grantOf(s.opened(s.program, id)).Exchanges, before.Exchanges+1)
	}
	failing := func(s *oauthScene, id, reason string) {
		s.t.Helper()
		a := s.call(owner, "POST", credentialsPath+"/"+id+"/refresh", nil).WantError(s.t, 503, "refresh_failed")
		want(s.t, "the reason", s.object(a, 503)["error"].(object)["details"].(object)["reason"], reason)
		metadata := s.object(s.get(owner, credentialsPath+"/"+id), 200)
		want(s.t, "status and reason", []any{metadata["status"], metadata["status_reason"]}, []any{"refresh_failing", reason})
		if text(s.t, metadata, "refresh_error") == "" || metadata["next_refresh_at"] == nil {
			s.t.Error("the credential does not say what is wrong, and when it is tried again")
		}
		s.opened(s.program, id) // the token is still good
	}
	t.Run("the operator's, after the organization stored its own", func(t *testing.T) {
		s := s.on(t)
		id := s.connect(owner, "")
		set(s, ownClient(oauthtest.ConfidentialPost))
		renewed(s, id, oauthtest.Confidential)
	})
	t.Run("the organization's, which is missing once it stores another, until it is back", func(t *testing.T) {
		s := s.on(t)
		set(s, ownClient(oauthtest.ConfidentialPost))
		id := s.connect(owner, "")
		set(s, ownClient("another-client"))
		failing(s, id, "client_missing")
		set(s, ownClient(oauthtest.ConfidentialPost))
		renewed(s, id, oauthtest.ConfidentialPost)
	})
	t.Run("the organization's, which is missing once it is removed", func(t *testing.T) {
		s := s.on(t)
		set(s, ownClient(oauthtest.ConfidentialPost))
		id := s.connect(owner, "")
		s.call(admin, "DELETE", clientsPath+"/acme", nil).Want(t, 204)
		failing(s, id, "client_missing")
	})
	t.Run("with the secret as it is now", func(t *testing.T) {
		s := s.on(t)
		set(s, ownClient(oauthtest.ConfidentialPost))
		id := s.connect(owner, "")
		set(s, object{"client_id": oauthtest.ConfidentialPost, "client_secret": canary + "mistyped"})
		failing(s, id, "client_rejected")
		set(s, ownClient(oauthtest.ConfidentialPost))
		renewed(s, id, oauthtest.ConfidentialPost)
	})
	t.Run("of a token that was brought in, the one that renewed it first", func(t *testing.T) {
		s := s.on(t)
		s.call(admin, "DELETE", clientsPath+"/acme", nil)
		id := s.Import(owner.token, "acme", s.provider.MakeGrant(oauthtest.GrantRequest{}), time.Hour)
		for range 2 {
			if err := s.App.Refresh.Renew(t.Context(), s.here.id, id, true); err != nil {
				t.Fatal(err)
			}
			set(s, ownClient(oauthtest.ConfidentialPost))
		}
		g := s.grantOf(s.opened(s.program, id.String()))
		want(t, "the exchanges and the grant", []any{g.Exchanges, g.Alive}, []any{2, true})
	})
	t.Run("and another one after it was connected again with it", func(t *testing.T) {
		s := s.on(t)
		set(s, ownClient(oauthtest.ConfidentialPost))
		id := s.connect(owner, "")
		s.call(admin, "DELETE", clientsPath+"/acme", nil).Want(t, 204)
		c := s.begin(owner, "&credential_id="+id)
		want(t, "where the browser lands", s.credentialOf(s.back(c, s.provider.Allow(c.url, "person"))), id)
		renewed(s, id, oauthtest.Confidential)
	})
}
