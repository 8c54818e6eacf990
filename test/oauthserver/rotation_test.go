package main

import (
	"errors"
	"net/http"
	"net/url"
	"sync"
	"testing"
)

func TestARefreshRotatesTheRefreshTokenAndTheOldAccessTokenLivesOn(t *testing.T) {
	s := newScene(t)
	g := s.grant(map[string]any{"username": "ann"})
	got := s.refresh(g.RefreshToken).want(t, http.StatusOK, "")
	access, refresh := got.member(t, "access_token"), got.member(t, "refresh_token")
	if refresh == "" || refresh == g.RefreshToken || access == g.AccessToken {
		t.Fatal("the tokens are not new")
	}
	if !s.active(g.AccessToken) || !s.active(access) {
		t.Error("one of the access tokens is not active")
	}
	shown := s.shown(g.GrantID)
	if !shown.Alive || shown.Exchanges != 1 || shown.Attempts != 1 || shown.RefreshTokenCurrent != refresh || shown.Username != "ann" {
		t.Errorf("the grant is %+v", shown)
	}
}

func TestUsingARotatedRefreshTokenAgainEndsTheWholeGrant(t *testing.T) {
	s := newScene(t)
	other := s.grant(nil)
	g := s.grant(nil)
	second := s.refresh(g.RefreshToken).want(t, http.StatusOK, "")
	third := s.refresh(second.member(t, "refresh_token")).want(t, http.StatusOK, "")
	s.refresh(g.RefreshToken).want(t, http.StatusBadRequest, "invalid_grant")
	s.refresh(third.member(t, "refresh_token")).want(t, http.StatusBadRequest, "invalid_grant")
	for _, token := range []string{g.AccessToken, second.member(t, "access_token"), third.member(t, "access_token")} {
		if s.active(token) {
			t.Error("an access token of the grant is still active")
		}
	}
	if shown := s.shown(g.GrantID); shown.Alive || !shown.KilledByReuse || shown.RefreshTokenCurrent != "" || shown.Exchanges != 2 || shown.Attempts != 4 {
		t.Errorf("the grant is %+v", shown)
	}
	var figures figures
	s.control("GET", "/stats", nothing{}, &figures)
	if figures.ReuseDetected != 1 || figures.Failures != 2 || figures.Exchanges["refresh_token"] != 2 || figures.Requests[tokenPath] != 4 {
		t.Errorf("the figures are %+v", figures)
	}
	if !s.active(other.AccessToken) || !s.shown(other.GrantID).Alive {
		t.Error("another grant ended too")
	}
}

func TestOfConcurrentUsesOfOneRefreshTokenExactlyOneIsGranted(t *testing.T) {
	s := newScene(t)
	for range 20 {
		g := s.grant(nil)
		const clients = 8
		requests := make([]*http.Request, clients)
		for i := range requests {
			requests[i] = s.refreshRequest(g.RefreshToken)
		}
		replies, errs := make([]reply, clients), make([]error, clients)
		var all sync.WaitGroup
		for i, r := range requests {
			all.Go(func() { replies[i], errs[i] = send(r) })
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		granted := 0
		for _, got := range replies {
			if got.status == http.StatusOK {
				granted++
				continue
			}
			got.want(t, http.StatusBadRequest, "invalid_grant")
		}
		if shown := s.shown(g.GrantID); granted != 1 || shown.Alive || !shown.KilledByReuse {
			t.Fatalf("%d were granted; the grant is %+v", granted, shown)
		}
	}
}

func TestAGrantWithdrawnByTheUserIsNotReuse(t *testing.T) {
	s := newScene(t)
	g := s.grant(nil)
	s.control("POST", "/grants/"+g.GrantID+"/revoke", nothing{}, &nothing{})
	s.refresh(g.RefreshToken).want(t, http.StatusBadRequest, "invalid_grant")
	if shown := s.shown(g.GrantID); shown.Alive || shown.KilledByReuse || s.active(g.AccessToken) {
		t.Errorf("the grant is %+v", shown)
	}
}

func TestRevocationEndsTheGrantOfEitherToken(t *testing.T) {
	s := newScene(t)
	for name, token := range map[string]func(issued) string{
		"of the refresh token": func(g issued) string { return g.RefreshToken },
		"of the access token":  func(g issued) string { return g.AccessToken },
	} {
		t.Run(name, func(t *testing.T) {
			g := s.grant(nil)
			r := s.form(revokePath, url.Values{"token": {token(g)}, "client_id": {confidentialClient}, "client_secret": {clientSecret}})
			s.send(r, nil).want(t, http.StatusOK, "")
			if s.shown(g.GrantID).Alive || s.active(g.AccessToken) {
				t.Error("the grant is alive")
			}
		})
	}
	t.Run("ErrAnotherClientsToken", func(t *testing.T) {
		g := s.grant(nil)
		r := s.form(revokePath, url.Values{"token": {g.RefreshToken}, "client_id": {postClient}, "client_secret": {clientSecret}})
		s.send(r, nil)
		if !s.shown(g.GrantID).Alive {
			t.Error("the grant ended")
		}
	})
	t.Run("ErrWrongSecret", func(t *testing.T) {
		g := s.grant(nil)
		r := s.form(revokePath, url.Values{"token": {g.RefreshToken}, "client_id": {confidentialClient}, "client_secret": {"wrong"}})
		s.send(r, nil).want(t, http.StatusUnauthorized, "invalid_client")
		if !s.shown(g.GrantID).Alive {
			t.Error("the grant ended")
		}
	})
}

func TestWithoutRotationTheRefreshTokenStaysAndIsNotSentAgain(t *testing.T) {
	s := newScene(t)
	s.control("POST", "/rotation", map[string]string{"refresh_tokens": "keep"}, &nothing{})
	g := s.grant(nil)
	for range 3 {
		got := s.refresh(g.RefreshToken).want(t, http.StatusOK, "")
		if got.member(t, "refresh_token") != "" || !s.active(got.member(t, "access_token")) {
			t.Fatalf("answered %s", got.body)
		}
	}
	if shown := s.shown(g.GrantID); shown.RefreshTokenCurrent != g.RefreshToken || shown.Exchanges != 3 {
		t.Errorf("the grant is %+v", shown)
	}
}

func TestARotationEndsTheAccessTokenWhereItIsToldTo(t *testing.T) {
	s := newScene(t)
	s.control("POST", "/rotation", map[string]string{"access_tokens": "revoke"}, &nothing{})
	g := s.grant(nil)
	got := s.refresh(g.RefreshToken).want(t, http.StatusOK, "")
	if s.active(g.AccessToken) || !s.active(got.member(t, "access_token")) {
		t.Error("the old access token is active, or the new one is not")
	}
}

func TestLifetimes(t *testing.T) {
	s := newScene(t)
	t.Run("an access token may have expired when it is made", func(t *testing.T) {
		g := s.grant(map[string]any{"access_lifetime_seconds": -5})
		if g.ExpiresIn != -5 || s.active(g.AccessToken) {
			t.Error("it is active")
		}
		if access := s.refresh(g.RefreshToken).want(t, http.StatusOK, "").member(t, "access_token"); !s.active(access) {
			t.Error("the next one is not active")
		}
	})
	t.Run("they hold for tokens issued from then on", func(t *testing.T) {
		s.control("POST", "/lifetimes", map[string]int{"access_seconds": 120}, &nothing{})
		g := s.grant(nil)
		if g.ExpiresIn != 120 {
			t.Errorf("expires in %d s, want 120", g.ExpiresIn)
		}
	})
	t.Run("ErrANegativeAccessLifetime", func(t *testing.T) {
		s.control("POST", "/lifetimes", map[string]int{"access_seconds": -1}, nil).want(t, http.StatusBadRequest, "")
	})
}

func TestManyGrantsAtOnce(t *testing.T) {
	s := newScene(t)
	var out struct{ Grants []issued }
	s.control("POST", "/grants", map[string]any{"count": 500, "username": "load", "client_id": publicClient}, &out)
	seen := map[string]bool{}
	for _, g := range out.Grants {
		seen[g.RefreshToken] = true
	}
	last := out.Grants[len(out.Grants)-1]
	if shown := s.shown(last.GrantID); len(seen) != 500 || shown.Username != "load-500" || shown.ClientID != publicClient {
		t.Errorf("%d tokens, the last grant is %+v", len(seen), shown)
	}
}
