package examples_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

const provider = "acme"

// connected begins a scene with a provider, where nothing is renewed unless somebody reads
// or asks.
func connected(t *testing.T) (*scene, *oauthtest.Server) {
	t.Helper()
	server := oauthtest.Start(t)
	return begin(t, func(c *app.Config) {
		apptest.OAuth(t, c, server, provider, oauthtest.DefinitionOptions{})
		c.RefreshWorkers = 0
	}), server
}

// keep stores a grant whose access token ends after so long.
func (s *scene) keep(g oauthtest.Grant, ends time.Duration) uuid.UUID {
	s.secrets = append(s.secrets, g.AccessToken, g.RefreshToken)
	return s.Import(s.user, provider, g, ends)
}

func wantSaid(t *testing.T, r result, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(r.succeeded(t).stdout, part) {
			t.Errorf("%q does not say %q", r.stdout, part)
		}
	}
}

func at(t *time.Time) string { return t.UTC().Format(time.RFC3339) }

func TestARenewalServiceIsToldThatItNeedNot(t *testing.T) {
	s, server := connected(t)
	g := server.MakeGrant(oauthtest.GrantRequest{})
	id := s.keep(g, 30*time.Minute)
	r := s.run(t, s.key, "renew", id.String())
	known := s.Metadata(s.user, id)
	wantSaid(t, r, `"imported" is a credential for acme: active, version 1`, "an access token that is valid until "+at(known.ExpiresAt), "It came with a refresh token.",
		"Strongroom renews it at "+at(known.NextRefresh), "Nothing is to be done", "the provider ends the whole grant")
	if state := server.Grant(g.ID); state.Attempts != 0 || state.RefreshTokenCurrent != g.RefreshToken {
		t.Errorf("the provider was asked %d times", state.Attempts)
	}
}

// TestWhatHasExpiredIsFreshWhenItIsFetched is why there is nothing to be done.
func TestWhatHasExpiredIsFreshWhenItIsFetched(t *testing.T) {
	s, server := connected(t)
	g := server.MakeGrant(oauthtest.GrantRequest{})
	id := s.keep(g, -time.Minute)
	r := s.run(t, s.key, "renew", id.String())
	known := s.Metadata(s.user, id)
	wantSaid(t, r, "active, version 2", "valid until "+at(known.ExpiresAt))
	if state := server.Grant(g.ID); state.Exchanges != 1 || !state.Alive || known.ExpiresAt.Before(time.Now()) {
		t.Errorf("after %d exchanges alive: %t, until %s", state.Exchanges, state.Alive, known.ExpiresAt)
	}
}

func TestStrongroomRenewsWhenItIsAsked(t *testing.T) {
	s, server := connected(t)
	g := server.MakeGrant(oauthtest.GrantRequest{})
	id := s.keep(g, 30*time.Minute)
	before := s.Metadata(s.user, id)
	_, writer := s.ServiceAccount(s.organization, "renewer", strongroom.Grant{Write: true, RefreshTokens: true})
	r := s.run(t, writer, "renew", "-force", id.String())
	after := s.Metadata(s.user, id)
	wantSaid(t, r, "It came with a refresh token.",
		"Strongroom has renewed it: version 1 is now 2, and its end has moved from "+at(before.ExpiresAt)+" to "+at(after.ExpiresAt)+".")
	if !after.ExpiresAt.After(*before.ExpiresAt) {
		t.Errorf("its end has moved from %s to %s", before.ExpiresAt, after.ExpiresAt)
	}
	state := server.Grant(g.ID)
	if state.Exchanges != 1 || !state.Alive || state.RefreshTokenCurrent == g.RefreshToken {
		t.Errorf("after %d exchanges alive: %t", state.Exchanges, state.Alive)
	}
	if strings.Contains(r.stdout+r.stderr, state.RefreshTokenCurrent) {
		t.Error("the new refresh token was printed")
	}
}

func TestARefreshTokenIsShownToWhoMaySeeIt(t *testing.T) {
	s, server := connected(t)
	id := s.keep(server.MakeGrant(oauthtest.GrantRequest{}), 30*time.Minute)
	_, reader := s.ServiceAccount(s.organization, "reader", strongroom.Grant{Providers: []string{provider}})
	wantSaid(t, s.run(t, reader, "renew", id.String()), "It came without a refresh token", "this service account's grants do not show it")
}

func TestARenewalThatIsNotToBeHadIsTold(t *testing.T) {
	s, server := connected(t)
	g := server.MakeGrant(oauthtest.GrantRequest{})
	living := s.keep(g, 30*time.Minute)

	t.Run("without the right to ask for it", func(t *testing.T) {
		r := s.run(t, s.key, "renew", "-force", living.String())
		if want := "renew: it was not renewed: This service account has no grant that lets it write (403 forbidden, request "; r.code != 1 || !strings.HasPrefix(r.stderr, want) {
			t.Errorf("exited with %d: %s", r.code, r.stderr)
		}
		if asked := server.Grant(g.ID).Attempts; asked != 0 {
			t.Errorf("the provider was asked %d times", asked)
		}
	})
	t.Run("where the grant has ended", func(t *testing.T) {
		ended := server.MakeGrant(oauthtest.GrantRequest{})
		id := s.keep(ended, -time.Minute)
		server.WithdrawConsent(ended.ID)
		s.run(t, s.key, "renew", id.String()).refused(t, "renew: no program can renew it, a person has to connect the account again: ", "(409 reauthorization_required, request ")
		if m := s.Metadata(s.user, id); m.Status != strongroom.StatusNeedsReauth {
			t.Errorf("the credential is %s", m.Status)
		}
	})
	t.Run("where it is none of OAuth's", func(t *testing.T) {
		id := s.store(t, "api_credential", "api_key", map[string]any{"api_key": "unguessed-6"}, "api_key")
		s.run(t, s.key, "renew", id).refused(t, "there is no access token in this credential")
	})
}
