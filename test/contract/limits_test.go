package contract_test

import (
	"strconv"
	"strings"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

const (
	// slow is a rate at which a test sees a bucket's burst and never its next drop.
	slow = 0.0001
	// burst is what a bucket of that rate holds.
	burst = 10
)

// exhaust makes requests until the burst is used up, and returns the answer after it.
func (s *scene) exhaust(request func() apptest.Answer, status int) apptest.Answer {
	s.t.Helper()
	for range burst {
		request().Want(s.t, status)
	}
	a := request().WantError(s.t, 429, "rate_limited")
	if seconds, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || seconds < 1 {
		s.t.Errorf("Retry-After is %q, want whole seconds", a.Header.Get("Retry-After"))
	}
	return a
}

func TestARateLimitHoldsOneAndLeavesTheOthers(t *testing.T) {
	t.Run("each user has their own", func(t *testing.T) {
		s := start(t, func(c *app.Config) { c.UserRate = slow })
		program := s.account(s.here.id)
		s.exhaust(func() apptest.Answer { return s.get(s.here.owner, "/api/profile/me") }, 200)
		s.get(s.here.other, "/api/profile/me").Want(t, 200)
		s.get(program, "/api/profile/me").Want(t, 200)
	})
	t.Run("another token of the same user is the same user", func(t *testing.T) {
		s := start(t, func(c *app.Config) { c.UserRate = slow })
		s.exhaust(func() apptest.Answer {
			return s.get(who{token: s.UserToken(s.here.id, s.here.owner.id, "app_user")}, "/api/profile/me")
		}, 200)
	})
	t.Run("each service account has its own, over all its keys", func(t *testing.T) {
		s := start(t, func(c *app.Config) { c.AccountRate = slow })
		path, _ := s.newAccount(s.here.admin, "sync")
		_, _, first := s.newKey(s.here.admin, path, object{"name": "first"})
		_, _, second := s.newKey(s.here.admin, path, object{"name": "second"})
		other := s.account(s.here.id)
		s.exhaust(func() apptest.Answer { return s.get(first, credentialsPath) }, 200)
		s.get(second, credentialsPath).WantError(t, 429, "rate_limited")
		s.get(other, credentialsPath).Want(t, 200)
		s.get(s.here.owner, credentialsPath).Want(t, 200)
	})
	t.Run("an address has one for all who call from it, but for the vital signs", func(t *testing.T) {
		s := start(t, nil)
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
		s.Open(func(c *app.Config) { c.AddressRate = slow })
		s.exhaust(func() apptest.Answer { return s.get(s.here.owner, "/api/profile/me") }, 200)
		s.get(s.here.other, "/api/profile/me").WantError(t, 429, "rate_limited")
		s.get(anonymous, "/openapi.json").WantError(t, 429, "rate_limited")
		s.get(anonymous, "/nothing").WantError(t, 429, "rate_limited")
		for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
			s.get(anonymous, path).Want(t, 200)
		}
	})
	t.Run("failed authentication slows down the guesser and nobody else", func(t *testing.T) {
		s := start(t, func(c *app.Config) { c.FailureRate = slow })
		id := s.store(s.here.owner, sftp("x", "pw"))
		program := s.account(s.here.id)
		s.exhaust(func() apptest.Answer { return s.get(who{key: "saf_guess"}, "/api/profile/me") }, 401)
		s.get(anonymous, credentialsPath).WantError(t, 429, "rate_limited")
		s.get(who{token: "guess"}, credentialsPath).WantError(t, 429, "rate_limited")
		s.opened(program, id)
		s.get(s.here.owner, credentialsPath).Want(t, 200)
	})
	t.Run("a refused request changes nothing", func(t *testing.T) {
		s := start(t, func(c *app.Config) { c.UserRate = slow })
		program := s.account(s.here.id)
		s.exhaust(func() apptest.Answer { return s.call(s.here.owner, "POST", credentialsPath, sftp("x", "pw")) }, 201)
		want(t, "the number of credentials", len(s.list(s.get(program, credentialsPath))), burst)
	})
}

func TestAServiceThatIsFullSaysSoAndRecovers(t *testing.T) {
	s := start(t, func(c *app.Config) { c.Concurrent = 1 })
	body := encode(t, sftp("x", "pw"))
	// The server asks for the body when the request has its place.
	holder := s.dial(t)
	holder.write("POST " + credentialsPath + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + s.here.owner.token +
		"\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n\r\n")
	if line := holder.line(); !strings.Contains(line, "100") {
		t.Fatalf("the server answered %s", line)
	}
	holder.line()
	s.get(s.here.owner, credentialsPath).WantError(t, 503, "overloaded")
	s.get(anonymous, "/docs").WantError(t, 503, "overloaded")
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		s.get(anonymous, path).Want(t, 200)
	}
	holder.write(body)
	if res := holder.response(); res.StatusCode != 201 {
		t.Errorf("the request that held the place is answered %d, want 201", res.StatusCode)
	}
	// Its place is free when its handler has ended, a moment after its answer.
	for s.get(s.here.owner, credentialsPath).Status == 503 {
		if t.Context().Err() != nil {
			t.Fatal("the place never becomes free")
		}
	}
	want(t, "the number of credentials", len(s.list(s.get(s.here.owner, credentialsPath))), 1)
}
