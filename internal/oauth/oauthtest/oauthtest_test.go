package oauthtest_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"strongroom/internal/oauth/oauthtest"
)

const (
	callback = "http://127.0.0.1:1/callback"
	verifier = "a-code-verifier-of-more-than-forty-three-characters"
)

// answer is what the token endpoint answers with.
type answer struct {
	status int
	body   string

	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"`
	IDToken      string `json:"id_token"`
	Error        string `json:"error"`
}

// exchange calls the token endpoint as the confidential client. An error means that no
// whole JSON answer came.
func exchange(ctx context.Context, s *oauthtest.Server, form url.Values) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+oauthtest.TokenPath, strings.NewReader(form.Encode()))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(oauthtest.Confidential, url.QueryEscape(oauthtest.ClientSecret))
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	a := answer{status: res.StatusCode, body: string(body)}
	return a, errors.Join(err, json.Unmarshal(body, &a))
}

func refresh(t *testing.T, s *oauthtest.Server, token string) answer {
	t.Helper()
	a, err := exchange(t.Context(), s, refreshForm(token))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func refreshForm(token string) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}
}

func authorizationURL(s *oauthtest.Server) string {
	challenge := sha256.Sum256([]byte(verifier))
	return s.URL + oauthtest.AuthorizePath + "?" + url.Values{
		"response_type": {"code"}, "client_id": {oauthtest.Confidential}, "redirect_uri": {callback},
		"scope": {"openid offline_access"}, "state": {"a-long-enough-state"}, "nonce": {"a-long-enough-nonce"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}.Encode()
}

func TestAGrantIsMadeRotatedAndKilledByReuse(t *testing.T) {
	s := oauthtest.Start(t)
	g := s.MakeGrant(oauthtest.GrantRequest{Username: "ann", Scopes: []string{"offline_access", "files"}, AccessLifetime: 90 * time.Second})
	if id, active := s.Check(g.AccessToken); id != g.ID || !active || g.ExpiresIn != 90 {
		t.Fatalf("the grant is %+v, active %t", g, active)
	}
	next := refresh(t, s, g.RefreshToken)
	if next.status != http.StatusOK || next.RefreshToken == g.RefreshToken {
		t.Fatalf("answered %d", next.status)
	}
	state := s.Grant(g.ID)
	if !state.Alive || state.Exchanges != 1 || state.RefreshTokenCurrent != next.RefreshToken || state.Username != "ann" || len(state.Scopes) != 2 {
		t.Fatalf("the grant is %+v", state)
	}
	if again := refresh(t, s, g.RefreshToken); again.Error != "invalid_grant" {
		t.Fatalf("answered %d %s", again.status, again.Error)
	}
	if state := s.Grant(g.ID); state.Alive || !state.KilledByReuse || s.Active(next.AccessToken) {
		t.Errorf("the grant is %+v", state)
	}
	if stats := s.Stats(); stats.ReuseDetected != 1 || stats.Failures != 1 || stats.Exchanges["refresh_token"] != 1 || stats.Requests[oauthtest.TokenPath] != 2 {
		t.Errorf("counted %+v", stats)
	}
	s.ResetStats()
	if stats := s.Stats(); stats.ReuseDetected != 0 || stats.Requests[oauthtest.TokenPath] != 0 {
		t.Errorf("counted %+v", stats)
	}
}

func TestTheGrantIsOverWhenItsUserSaysSo(t *testing.T) {
	s := oauthtest.Start(t)
	g := s.MakeGrant(oauthtest.GrantRequest{})
	s.WithdrawConsent(g.ID)
	if a := refresh(t, s, g.RefreshToken); a.Error != "invalid_grant" || s.Active(g.AccessToken) {
		t.Errorf("answered %d %s", a.status, a.Error)
	}
	if state := s.Grant(g.ID); state.Alive || state.KilledByReuse || state.Attempts != 1 {
		t.Errorf("the grant is %+v", state)
	}
}

func TestManyGrantsWhoseTokensHaveExpired(t *testing.T) {
	s := oauthtest.Start(t)
	grants := s.MakeGrants(1000, oauthtest.GrantRequest{ClientID: oauthtest.Public, AccessLifetime: -time.Minute})
	last := grants[len(grants)-1]
	if state := s.Grant(last.ID); len(grants) != 1000 || s.Active(last.AccessToken) || state.ClientID != oauthtest.Public || state.Username != "user-1000" {
		t.Errorf("%d grants; the last is %+v", len(grants), state)
	}
}

func TestABrowserGetsACodeThatIsExchanged(t *testing.T) {
	s := oauthtest.Start(t, callback)
	if back := s.Deny(authorizationURL(s), "ann").Query(); back.Get("error") != "access_denied" {
		t.Errorf("sent back with %v", back)
	}
	back := s.Allow(authorizationURL(s), "ann").Query()
	a, err := exchange(t.Context(), s, url.Values{
		"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "redirect_uri": {callback}, "code_verifier": {verifier},
	})
	if err != nil || a.status != http.StatusOK || a.IDToken == "" || back.Get("state") != "a-long-enough-state" {
		t.Fatalf("answered %d %s, %v", a.status, a.Error, err)
	}
	id, active := s.Check(a.AccessToken)
	if state := s.Grant(id); !active || state.Username != "ann" || state.RefreshTokenCurrent != a.RefreshToken {
		t.Errorf("the grant is %+v", state)
	}
}

func TestSettings(t *testing.T) {
	s := oauthtest.Start(t)
	s.SetLifetimes(10*time.Minute, oauthtest.Forever)
	s.SetRotation(oauthtest.Rotation{KeepRefreshTokens: true, EndAccessTokens: true})
	g := s.MakeGrant(oauthtest.GrantRequest{})
	a := refresh(t, s, g.RefreshToken)
	if a.RefreshToken != "" || a.ExpiresIn > 600 || a.ExpiresIn < 590 || s.Active(g.AccessToken) || !s.Active(a.AccessToken) {
		t.Errorf("answered %s", a.body)
	}
	s.SetRotation(oauthtest.Rotation{})
	if a := refresh(t, s, g.RefreshToken); a.RefreshToken == "" || s.Grant(g.ID).RefreshTokenCurrent != a.RefreshToken {
		t.Errorf("answered %s", a.body)
	}
	if first, second := s.RotateKeys("RS256"), s.RotateKeys(""); first == second || first == "" {
		t.Error("the key is the same")
	}
	s.AllowRedirects(callback)
	if back := s.Allow(authorizationURL(s), "ann").Query(); back.Get("code") == "" {
		t.Errorf("sent back with %v", back)
	}
}

func TestHeldRequestsWaitForTheirRelease(t *testing.T) {
	s := oauthtest.Start(t)
	first, second := s.MakeGrant(oauthtest.GrantRequest{}), s.MakeGrant(oauthtest.GrantRequest{})
	s.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, GrantID: first.ID, Times: 1})
	s.Behave(oauthtest.Behaviour{Mode: oauthtest.HoldAnswer, GrantID: second.ID, Times: 1})
	answers := map[string]chan answer{}
	for _, g := range []oauthtest.Grant{first, second} {
		answers[g.ID] = make(chan answer, 1)
		go func() {
			a, _ := exchange(t.Context(), s, refreshForm(g.RefreshToken))
			answers[g.ID] <- a
		}()
	}
	for _, h := range s.WaitHeld(t.Context(), 2) {
		want := map[string]oauthtest.Mode{first.ID: oauthtest.Hold, second.ID: oauthtest.HoldAnswer}[h.GrantID]
		if h.Mode != want || h.Endpoint != oauthtest.TokenPath {
			t.Errorf("held is %+v, want mode %s", h, want)
		}
	}
	if stats := s.Stats(); s.Grant(first.ID).Exchanges != 0 || s.Grant(second.ID).Exchanges != 1 || stats.InFlight != 2 || stats.MaxInFlight != 2 {
		t.Errorf("counted %+v", stats)
	}
	if n := s.ReleaseGrant(second.ID); n != 1 || (<-answers[second.ID]).status != http.StatusOK {
		t.Errorf("%d were released", n)
	}
	if held := s.Held(); len(held) != 1 || held[0].GrantID != first.ID {
		t.Errorf("held are %+v", held)
	}
	if n := s.ReleaseOldest(5); n != 1 || (<-answers[first.ID]).status != http.StatusOK {
		t.Errorf("%d were released", n)
	}
	if n := s.Release(); n != 0 {
		t.Errorf("%d were released of none", n)
	}
}

func TestAReleasedRequestIsProcessedThoughItsClientHasGone(t *testing.T) {
	s := oauthtest.Start(t)
	g := s.MakeGrant(oauthtest.GrantRequest{})
	s.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := exchange(ctx, s, refreshForm(g.RefreshToken))
		failed <- err
	}()
	s.WaitHeld(t.Context(), 1)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("the client ended with %v", err)
	}
	s.Release()
	if state := s.Grant(g.ID); state.Exchanges != 1 || state.RefreshTokenCurrent == g.RefreshToken {
		t.Errorf("the grant is %+v", state)
	}
}

func TestEveryOtherModeSpoilsTheAnswer(t *testing.T) {
	s := oauthtest.Start(t)
	for mode, want := range map[oauthtest.Mode]struct {
		exchanges, status int
		whole             bool
	}{
		oauthtest.DropBefore:    {0, 0, false},
		oauthtest.DropAfter:     {1, 0, false},
		oauthtest.Cut:           {1, http.StatusOK, false},
		oauthtest.AnswerGarbled: {1, http.StatusOK, false},
		oauthtest.AnswerHTML:    {0, http.StatusOK, false},
		oauthtest.AnswerStatus:  {0, http.StatusTooManyRequests, true},
		oauthtest.Rewrite:       {1, http.StatusOK, true},
	} {
		t.Run(string(mode), func(t *testing.T) {
			g := s.MakeGrant(oauthtest.GrantRequest{})
			s.Behave(oauthtest.Behaviour{
				Mode: mode, GrantID: g.ID, Times: 1,
				Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "7"}, Body: `{"error": "slow_down"}`,
				Set: map[string]any{"error": "slow_down"}, Remove: []string{"refresh_token"},
			})
			a, err := exchange(t.Context(), s, refreshForm(g.RefreshToken))
			if (err == nil) != want.whole || a.status != want.status || want.whole && (a.Error != "slow_down" || a.RefreshToken != "") {
				t.Errorf("answered %d %q, %v", a.status, a.body, err)
			}
			if state := s.Grant(g.ID); state.Exchanges != want.exchanges || state.Attempts != 1 {
				t.Errorf("the grant is %+v", state)
			}
		})
	}
}

func TestAnotherEndpointCanFailToo(t *testing.T) {
	s := oauthtest.Start(t)
	for _, path := range []string{
		oauthtest.DiscoveryPath, oauthtest.MetadataPath, oauthtest.KeySetPath, oauthtest.UserInfoPath, oauthtest.RevokePath, oauthtest.AuthorizePath,
	} {
		s.Behave(oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Endpoint: path, Status: http.StatusTeapot, Times: 1})
		for _, want := range []bool{true, false} {
			res, err := http.Get(s.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			_ = res.Body.Close()
			if failed := res.StatusCode == http.StatusTeapot; failed != want {
				t.Errorf("%s answers %s", path, res.Status)
			}
		}
	}
}
