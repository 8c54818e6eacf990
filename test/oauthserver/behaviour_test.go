package main

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
)

// sent sends a request in the background.
func sent(r *http.Request) <-chan error {
	done := make(chan error, 1)
	go func() {
		_, err := send(r)
		done <- err
	}()
	return done
}

func (s *scene) waitHeld(count string) int {
	s.Helper()
	var out struct{ Held []heldRequest }
	s.control("GET", "/held?timeout_seconds=60&count="+count, nothing{}, &out)
	return len(out.Held)
}

func TestHowARequestThatIsNotProcessedIsAnswered(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		behaviour map[string]any
		check     func(t *testing.T, got reply, err error)
	}{
		"drop_before closes the connection": {map[string]any{"mode": "drop_before"}, func(t *testing.T, got reply, err error) {
			if err == nil {
				t.Errorf("answered %d", got.status)
			}
		}},
		"status answers what it is told": {
			map[string]any{"mode": "status", "status": 429, "body": `{"error":"slow_down"}`, "headers": map[string]string{"Retry-After": "7"}},
			func(t *testing.T, got reply, err error) {
				if err != nil || got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") != "7" || got.member(t, "error") != "slow_down" {
					t.Errorf("answered %+v, %v", got, err)
				}
			}},
		"html answers a page": {map[string]any{"mode": "html"}, func(t *testing.T, got reply, err error) {
			if err != nil || got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/html") || !strings.Contains(string(got.body), "<html>") {
				t.Errorf("answered %+v, %v", got, err)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			g := s.grant(nil)
			s.behave(c.behaviour)
			got, err := send(s.refreshRequest(g.RefreshToken))
			c.check(t, got, err)
			s.behave(map[string]any{"mode": "normal"})
			if shown := s.shown(g.GrantID); shown.Exchanges != 0 || shown.Attempts != 1 || shown.RefreshTokenCurrent != g.RefreshToken {
				t.Errorf("the grant is %+v", shown)
			}
			s.refresh(g.RefreshToken).want(t, http.StatusOK, "")
		})
	}
}

func TestHowAProcessedRequestIsAnswered(t *testing.T) {
	s := newScene(t)
	for name, c := range map[string]struct {
		behaviour map[string]any
		check     func(t *testing.T, got reply, err error)
	}{
		"drop_after closes the connection": {map[string]any{"mode": "drop_after"}, func(t *testing.T, got reply, err error) {
			if err == nil {
				t.Errorf("answered %d", got.status)
			}
		}},
		"cut sends half of the body": {map[string]any{"mode": "cut"}, func(t *testing.T, got reply, err error) {
			if err == nil || got.status != http.StatusOK || !strings.HasPrefix(string(got.body), "{") || json.Valid(got.body) {
				t.Errorf("answered %+v, %v", got, err)
			}
		}},
		"garbled answers what is not JSON": {map[string]any{"mode": "garbled"}, func(t *testing.T, got reply, err error) {
			if err != nil || got.status != http.StatusOK || json.Valid(got.body) {
				t.Errorf("answered %+v, %v", got, err)
			}
		}},
		"rewrite changes members": {
			map[string]any{"mode": "rewrite", "set": map[string]any{"expires_in": "soon", "extra": 1}, "remove": []string{"scope"}},
			func(t *testing.T, got reply, err error) {
				if err != nil || got.member(t, "expires_in") != "soon" || got.member(t, "scope") != "" || got.member(t, "access_token") == "" || !strings.Contains(string(got.body), `"extra":1`) {
					t.Errorf("answered %s, %v", got.body, err)
				}
			}},
	} {
		t.Run(name, func(t *testing.T) {
			g := s.grant(nil)
			s.behave(c.behaviour)
			got, err := send(s.refreshRequest(g.RefreshToken))
			c.check(t, got, err)
			s.behave(map[string]any{"mode": "normal"})
			if shown := s.shown(g.GrantID); shown.Exchanges != 1 || shown.RefreshTokenCurrent == g.RefreshToken {
				t.Errorf("the grant is %+v", shown)
			}
			s.refresh(g.RefreshToken).want(t, http.StatusBadRequest, "invalid_grant")
		})
	}
}

func TestAHeldRequestIsProcessedOnceReleased(t *testing.T) {
	s := newScene(t)
	g := s.grant(nil)
	s.behave(map[string]any{"mode": "hold", "times": 1})
	answered := sent(s.refreshRequest(g.RefreshToken))
	if n := s.waitHeld("1"); n != 1 {
		t.Fatalf("%d are held", n)
	}
	if shown := s.shown(g.GrantID); shown.Exchanges != 0 || s.server.stats.read().InFlight != 1 {
		t.Errorf("the grant is %+v", shown)
	}
	s.control("POST", "/release", nothing{}, &map[string]int{})
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
	if shown := s.shown(g.GrantID); shown.Exchanges != 1 {
		t.Errorf("the grant is %+v", shown)
	}
}

func TestAHeldRequestIsProcessedThoughItsClientHasGone(t *testing.T) {
	s := newScene(t)
	g := s.grant(nil)
	s.behave(map[string]any{"mode": "hold", "times": 1})
	ctx, cancel := context.WithCancel(t.Context())
	answered := sent(s.refreshRequest(g.RefreshToken).WithContext(ctx))
	s.waitHeld("1")
	cancel()
	if err := <-answered; err == nil {
		t.Fatal("the client was answered")
	}
	s.control("POST", "/release", nothing{}, &map[string]int{})
	if shown := s.shown(g.GrantID); shown.Exchanges != 1 || shown.RefreshTokenCurrent == g.RefreshToken {
		t.Errorf("the grant is %+v", shown)
	}
}

func TestAHeldAnswerIsOfAProcessedRequest(t *testing.T) {
	s := newScene(t)
	g := s.grant(nil)
	s.behave(map[string]any{"mode": "hold_answer", "times": 1})
	answered := sent(s.refreshRequest(g.RefreshToken))
	s.waitHeld("1")
	if shown := s.shown(g.GrantID); shown.Exchanges != 1 || shown.RefreshTokenCurrent == g.RefreshToken {
		t.Errorf("the grant is %+v", shown)
	}
	s.control("POST", "/release", nothing{}, &map[string]int{})
	if err := <-answered; err != nil {
		t.Fatal(err)
	}
}

func TestABehaviourMayHoldForOneGrantOrSoManyRequests(t *testing.T) {
	s := newScene(t)
	t.Run("one grant's goes before everybody's", func(t *testing.T) {
		one, other := s.grant(nil), s.grant(nil)
		s.behave(map[string]any{"mode": "status", "status": 500})
		s.behave(map[string]any{"mode": "normal", "grant_id": one.GrantID})
		s.refresh(one.RefreshToken).want(t, http.StatusOK, "")
		s.refresh(other.RefreshToken).want(t, http.StatusInternalServerError, "")
		s.behave(map[string]any{"mode": "normal"})
		s.refresh(other.RefreshToken).want(t, http.StatusOK, "")
	})
	t.Run("two requests, then none", func(t *testing.T) {
		g := s.grant(nil)
		s.behave(map[string]any{"mode": "status", "times": 2})
		s.refresh(g.RefreshToken).want(t, http.StatusServiceUnavailable, "")
		s.refresh(g.RefreshToken).want(t, http.StatusServiceUnavailable, "")
		s.refresh(g.RefreshToken).want(t, http.StatusOK, "")
	})
	t.Run("another endpoint", func(t *testing.T) {
		s.behave(map[string]any{"mode": "status", "endpoint": keySetPath, "times": 1})
		s.send(http.NewRequest("GET", s.public.URL+keySetPath, nil)).want(t, http.StatusServiceUnavailable, "")
		s.send(http.NewRequest("GET", s.public.URL+keySetPath, nil)).want(t, http.StatusOK, "")
	})
	t.Run("releasing one grant's leaves the others held", func(t *testing.T) {
		one, other := s.grant(nil), s.grant(nil)
		s.behave(map[string]any{"mode": "hold", "times": 2})
		first, second := sent(s.refreshRequest(one.RefreshToken)), sent(s.refreshRequest(other.RefreshToken))
		s.waitHeld("2")
		var out struct{ Released int }
		s.control("POST", "/release", map[string]any{"grant_id": one.GrantID}, &out)
		if err := <-first; err != nil || out.Released != 1 || s.waitHeld("1") != 1 {
			t.Errorf("%d were released, %v", out.Released, err)
		}
		s.control("POST", "/release", map[string]any{"count": 1}, &out)
		if err := <-second; err != nil || out.Released != 1 {
			t.Errorf("%d were released, %v", out.Released, err)
		}
	})
}

func TestABehaviourThatMakesNoSenseIsRefused(t *testing.T) {
	s := newScene(t)
	g := s.grant(nil)
	for name, in := range map[string]map[string]any{
		"ErrMode":             {"mode": "explode"},
		"ErrNoMode":           {},
		"ErrTimes":            {"mode": "html", "times": -1},
		"ErrStatus":           {"mode": "status", "status": 99},
		"ErrEndpoint":         {"mode": "html", "endpoint": "/nowhere"},
		"ErrGrantElsewhere":   {"mode": "html", "endpoint": keySetPath, "grant_id": g.GrantID},
		"ErrMisspelledMember": {"mode": "html", "time": 1},
	} {
		t.Run(name, func(t *testing.T) {
			s.control("POST", "/behaviour", in, nil).want(t, http.StatusBadRequest, "")
		})
	}
	s.control("POST", "/behaviour", map[string]any{"mode": "html", "grant_id": "nobody"}, nil).want(t, http.StatusNotFound, "")
	s.control("GET", "/grants/nobody", nothing{}, nil).want(t, http.StatusNotFound, "")
}

func TestTheFiguresStartAnew(t *testing.T) {
	s := newScene(t)
	s.refresh(s.grant(nil).RefreshToken).want(t, http.StatusOK, "")
	s.control("POST", "/reset-stats", nothing{}, &nothing{})
	var got figures
	s.control("GET", "/stats", nothing{}, &got)
	if got.Exchanges["refresh_token"] != 0 || got.MaxInFlight != 0 || got.Requests[tokenPath] != 0 {
		t.Errorf("the figures are %+v", got)
	}
}
