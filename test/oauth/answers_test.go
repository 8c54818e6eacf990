package oauth_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// TestWhatIsNoTokenIsNotStored is long: it is a table, whose rows are the cases.
func TestWhatIsNoTokenIsNotStored(t *testing.T) {
	const page = "canary-of-an-error-page"
	for name, c := range map[string]struct {
		behaviour oauthtest.Behaviour
		reason    strongroom.StatusReason
	}{
		"a web page with status 200": {oauthtest.Behaviour{Mode: oauthtest.AnswerHTML}, strongroom.ReasonMalformedAnswer},
		"an error page of the provider's": {oauthtest.Behaviour{
			Mode: oauthtest.AnswerStatus, Status: http.StatusBadGateway, ContentType: "text/html", Body: "<html>" + page + "</html>",
		}, strongroom.ReasonProviderError},
		"an empty answer": {oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: http.StatusOK, Body: ""}, strongroom.ReasonMalformedAnswer},
		"JSON without a token": {oauthtest.Behaviour{
			Mode: oauthtest.AnswerStatus, Status: http.StatusOK, Body: `{"message":"` + page + `"}`,
		}, strongroom.ReasonMalformedAnswer},
		"an error with status 200": {oauthtest.Behaviour{
			Mode: oauthtest.AnswerStatus, Status: http.StatusOK, Body: `{"error":"temporarily_unavailable","access_token":"` + page + `"}`,
		}, strongroom.ReasonProviderError},
		"an access token that is no text": {oauthtest.Behaviour{
			Mode: oauthtest.AnswerStatus, Status: http.StatusOK, Body: `{"access_token":{"` + page + `":1},"token_type":"Bearer"}`,
		}, strongroom.ReasonMalformedAnswer},
		"a refusal with a code that nobody knows": {oauthtest.Behaviour{
			Mode: oauthtest.AnswerStatus, Status: http.StatusBadRequest, Body: `{"error":"` + page + `"}`,
		}, strongroom.ReasonClientRejected},
		"a redirect": {oauthtest.Behaviour{
			Mode: oauthtest.AnswerStatus, Status: http.StatusFound, Headers: map[string]string{"Location": "/token"},
		}, strongroom.ReasonClientRejected},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: true}})
			g, id := s.expired()
			c.behaviour.Times = 1
			s.provider.Behave(c.behaviour)
			a := s.read(id).WantError(t, http.StatusServiceUnavailable, string(strongroom.CodeRefreshFailed))
			s.wantState(id, strongroom.StatusRefreshFailing, c.reason)
			if m := s.Metadata(s.user, id); m.Version != 1 {
				t.Errorf("the data was replaced: it is at version %d", m.Version)
			}
			if a.Header.Get("Retry-After") == "" {
				t.Error("the refusal does not say when to come back")
			}
			if strings.Contains(string(a.Body)+s.Logs.String(), page) {
				t.Error("the answer or the log quotes the provider")
			}
			s.refresh(id).Want(t, http.StatusOK)
			s.wantWorking(g, id, 1)
		})
	}
}

func TestAnAnswerWithoutARefreshTokenKeepsTheOldOne(t *testing.T) {
	s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: true}})
	s.provider.SetRotation(oauthtest.Rotation{KeepRefreshTokens: true})
	g, id := s.expired()
	for round := 1; round <= 3; round++ {
		if got := s.wantWorking(g, id, round); got.Refresh != g.RefreshToken {
			t.Fatal("the refresh token is not the one that was stored")
		}
		s.clock.advance(2 * time.Hour)
	}
}

func TestATokenWithoutALifetimeHasTheProvidersDefault(t *testing.T) {
	for name, c := range map[string]oauthtest.Behaviour{
		"nothing is said":   {Mode: oauthtest.Rewrite, Remove: []string{"expires_in"}},
		"null is said":      {Mode: oauthtest.Rewrite, Set: map[string]any{"expires_in": nil}},
		"nonsense is said":  {Mode: oauthtest.Rewrite, Set: map[string]any{"expires_in": "soon"}},
		"0 seconds is said": {Mode: oauthtest.Rewrite, Set: map[string]any{"expires_in": 0}},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{})
			g, id := s.expired()
			s.provider.Behave(c)
			got := s.wantWorking(g, id, 1)
			want := s.clock.now().Add(time.Hour)
			if got.ExpiresAt == nil || !got.ExpiresAt.Equal(want) {
				t.Fatalf("the token ends at %v, want %v", got.ExpiresAt, want)
			}
			if m := s.Metadata(s.user, id); m.ExpiresAt == nil || !m.ExpiresAt.Equal(want) || m.NextRefresh == nil || !m.NextRefresh.Before(want) {
				t.Errorf("it ends at %v and is renewed at %v", m.ExpiresAt, m.NextRefresh)
			}
			s.clock.advance(time.Hour)
			s.wantWorking(g, id, 2)
		})
	}
}

func TestATokenThatCameWithoutALifetimeIsNotTakenToLastForEver(t *testing.T) {
	s := begin(t, options{})
	g := s.provider.MakeGrant(oauthtest.GrantRequest{})
	id := s.keep(g, 0)
	if got := s.wantWorking(g, id, 1); got.ExpiresAt == nil {
		t.Error("nobody knows when the token ends")
	}
}

func TestAGrantThatHasEndedNeedsAPersonAndIsNotTriedAgain(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.WithdrawConsent(g.ID)
	for range 3 {
		s.read(id).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
		s.clock.advance(24 * time.Hour)
	}
	s.refresh(id).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
	s.wantState(id, strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant)
	s.wantAttempts(g, 1)
	if m := s.Metadata(s.user, id); m.NextRefresh != nil {
		t.Errorf("it is to be renewed at %v", m.NextRefresh)
	}

	again := s.provider.MakeGrant(oauthtest.GrantRequest{})
	s.replace(id, again, -time.Minute).Want(t, http.StatusOK)
	s.wantWorking(again, id, 1)
	s.wantState(id, strongroom.StatusActive, "")
}

// replace stores another grant in the place of a credential's.
func (s *scene) replace(id uuid.UUID, g oauthtest.Grant, ends time.Duration) apptest.Answer {
	s.t.Helper()
	return s.Do(apptest.Request{Method: http.MethodPatch, Path: pathOf(id), Token: s.user, Body: map[string]any{
		"credential_type": "oauth2", "credentials": s.data(g, ends),
	}})
}

// TestARefusalOfATokenThatWasReplacedMeanwhileSaysNothingOfTheNewOne: somebody connected
// anew, which ended the old grant, while the old one was being renewed.
func TestARefusalOfATokenThatWasReplacedMeanwhileSaysNothingOfTheNewOne(t *testing.T) {
	s := begin(t, options{})
	old, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, GrantID: old.ID, Times: 1})
	reader := s.reading(t.Context(), s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	again := s.provider.MakeGrant(oauthtest.GrantRequest{})
	s.replace(id, again, time.Hour).Want(t, http.StatusOK)
	s.provider.WithdrawConsent(old.ID)
	s.provider.Release()
	a := <-reader
	if a == nil {
		t.Fatal("the reader got no answer")
	}
	s.wantGrant(again, tokenOf(t, *a), 0)
	s.wantState(id, strongroom.StatusActive, "")
	s.wantAttempts(old, 1)
}

// TestARefusalThatComesAfterAnotherHasRotatedDoesNotEndTheCredential: the provider says
// invalid_grant to the slower of two processes.
func TestARefusalThatComesAfterAnotherHasRotatedDoesNotEndTheCredential(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	other := s.process("--refresh-workers", "0")
	s.App.Refresh.LeaseMargin = time.Millisecond - s.App.Refresh.Timeout
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	slower := s.reading(t.Context(), s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	newer := tokenOf(t, readBy(&other.Client, s.key, id))
	s.provider.Release()
	if a := <-slower; a == nil || tokenOf(t, *a).Access != newer.Access {
		t.Errorf("the slower reader got %+v, want the newer token", a)
	}
	s.wantState(id, strongroom.StatusActive, "")
	s.wantAttempts(g, 2)
}

func TestAClientThatIsCorrectedIsUsedAtTheNextAttempt(t *testing.T) {
	s := begin(t, options{})
	admin := s.UserToken(s.organization, uuid.New(), strongroom.RoleOrgAdmin)
	set := func(clientSecret api.SecretString) {
		t.Helper()
		s.Do(apptest.Request{Method: http.MethodPut, Path: "/api/integrations/oauth-clients/" + provider, Token: admin,
			Body: api.SetOAuthClient{ClientID: oauthtest.Confidential, ClientSecret: &clientSecret}}).Want(t, http.StatusOK)
	}
	set("mistyped")
	g, id := s.expired()
	s.read(id).WantError(t, http.StatusServiceUnavailable, string(strongroom.CodeRefreshFailed))
	s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonClientRejected)
	set(oauthtest.ClientSecret)
	s.refresh(id).Want(t, http.StatusOK)
	s.wantState(id, strongroom.StatusActive, "")
	s.wantWorking(g, id, 1)
}

func TestAClientThatIsMissingIsSaidAndUsedOnceItIsThere(t *testing.T) {
	s := begin(t, options{edit: withoutClient})
	g, id := s.expired()
	s.read(id).WantError(t, http.StatusServiceUnavailable, string(strongroom.CodeRefreshFailed))
	s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonClientMissing)
	s.wantAttempts(g, 0)
	clientSecret := api.SecretString(oauthtest.ClientSecret)
	s.Do(apptest.Request{Method: http.MethodPut, Path: "/api/integrations/oauth-clients/" + provider, Token: s.UserToken(s.organization, uuid.New(), strongroom.RoleOrgAdmin),
		Body: api.SetOAuthClient{ClientID: oauthtest.Confidential, ClientSecret: &clientSecret}}).Want(t, http.StatusOK)
	s.refresh(id).Want(t, http.StatusOK)
	s.wantWorking(g, id, 1)
}
