package oauth_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/oauth/oauthtest"
)

func withoutClient(c *app.Config, _ *oauthtest.Server) { c.Environment = []string{} }

// down is a provider that fails.
var down = oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: http.StatusServiceUnavailable}

// refusedRead reads a credential whose token has ended and cannot be renewed now.
func (s *scene) refusedRead(id uuid.UUID) {
	s.t.Helper()
	s.read(id).WantError(s.t, http.StatusServiceUnavailable, string(strongroom.CodeRefreshFailed))
}

func TestATimeOutIsNoDeadCredential(t *testing.T) {
	for name, c := range map[string]struct {
		keeps  bool
		status strongroom.CredentialStatus
		reason strongroom.StatusReason
	}{
		"of a provider whose refresh tokens stay":       {true, strongroom.StatusRefreshFailing, strongroom.ReasonTimeout},
		"of one that may have replaced it, who can say": {false, strongroom.StatusUncertain, strongroom.ReasonAnswerLost},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: c.keeps, WithoutDiscovery: true}})
			s.provider.SetRotation(oauthtest.Rotation{KeepRefreshTokens: c.keeps})
			g, id := s.expired()
			usual := s.App.Refresh.Timeout
			s.App.Refresh.Timeout = 300 * time.Millisecond
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
			s.refusedRead(id)
			s.wantState(id, c.status, c.reason)

			s.App.Refresh.Timeout = usual
			s.clock.advance(time.Minute)
			s.wantWorking(g, id, 1)
			s.wantState(id, strongroom.StatusActive, "")
		})
	}
}

func TestAProviderThatIsNotThereIsNoDeadCredential(t *testing.T) {
	s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: true}})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.DropBefore, Times: 1})
	s.refusedRead(id)
	s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonUnreachable)
	s.clock.advance(time.Minute)
	s.wantWorking(g, id, 1)
}

func TestATokenThatStillWorksIsServedWhileTheProviderIsDown(t *testing.T) {
	s := begin(t, options{})
	g, id := s.nearlyExpired(30 * time.Second)
	s.provider.Behave(down)
	for range 5 {
		if got := tokenOf(t, s.read(id)); got.Access != g.AccessToken {
			t.Fatal("another token is served than the one that works")
		}
	}
	s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonProviderError)
	s.wantAttempts(g, 1) // the reads after the first came during the back-off

	s.clock.advance(30 * time.Second)
	s.refusedRead(id)
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Normal})
	s.clock.advance(time.Minute)
	s.wantWorking(g, id, 1)
}

func TestATokenThatStillWorksIsServedWhileTheProviderIsSlow(t *testing.T) {
	s := begin(t, options{})
	g, id := s.nearlyExpired(200 * time.Millisecond)
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	if got := tokenOf(t, s.read(id)); got.Access != g.AccessToken {
		t.Fatal("another token is served than the one that works")
	}
	s.provider.WaitHeld(t.Context(), 1)
	s.provider.Release()
	eventually(t, "the new token is stored", func() bool { return s.Metadata(s.user, id).Version == 2 })
	s.wantWorking(g, id, 1)
}

func TestATokenThatStillWorksIsServedThoughItsGrantHasEnded(t *testing.T) {
	s := begin(t, options{})
	g, id := s.nearlyExpired(30 * time.Second)
	s.provider.WithdrawConsent(g.ID)
	if got := tokenOf(t, s.read(id)); got.Access != g.AccessToken {
		t.Fatal("another token is served than the one that has not expired")
	}
	s.wantState(id, strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant)
	s.clock.advance(30 * time.Second)
	s.read(id).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
	s.wantAttempts(g, 1)
}

// TestAFailingCredentialIsTriedSeldom: once for each back-off, however many read, and each
// back-off is longer than the one before.
func TestAFailingCredentialIsTriedSeldom(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(down)
	var before time.Duration
	for attempt := 1; attempt <= 4; attempt++ {
		for range 20 {
			s.refusedRead(id)
		}
		s.wantAttempts(g, attempt)
		m := s.Metadata(s.user, id)
		if m.NextRefresh == nil {
			t.Fatal("it is not said when it is tried again")
		}
		wait := m.NextRefresh.Sub(s.clock.now())
		// Half of a back-off is jitter: only every second one must be longer.
		if longest := 5 * time.Second << (attempt - 1); wait <= 0 || wait > longest || wait < longest/2 || wait < before/2 {
			t.Fatalf("back-off %d is %s", attempt, wait)
		}
		before = wait
		s.clock.advance(wait - time.Millisecond)
		s.refusedRead(id)
		s.wantAttempts(g, attempt)
		s.clock.advance(time.Millisecond)
	}
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Normal})
	s.wantWorking(g, id, 1)
	s.wantState(id, strongroom.StatusActive, "")
}

func TestAPauseThatTheProviderAsksForHoldsAllItsCredentials(t *testing.T) {
	s := begin(t, options{})
	first, firstID := s.expired()
	second, secondID := s.expired()
	s.provider.Behave(oauthtest.Behaviour{
		Mode: oauthtest.AnswerStatus, Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "120"}, Times: 1,
	})
	s.refusedRead(firstID)
	s.refusedRead(secondID)
	s.wantAttempts(first, 1)
	s.wantAttempts(second, 0)
	for _, id := range []uuid.UUID{firstID, secondID} {
		s.wantState(id, strongroom.StatusRefreshFailing, strongroom.ReasonRateLimited)
		// The gate's clock is the true one, which has gone on by a little.
		if m := s.Metadata(s.user, id); m.NextRefresh == nil || m.NextRefresh.Sub(s.clock.now()) < 100*time.Second {
			t.Errorf("it is tried again at %v, though the provider asked for two minutes", m.NextRefresh)
		}
	}
	// Not even somebody who insists breaks the pause.
	s.refresh(secondID).WantError(t, http.StatusServiceUnavailable, string(strongroom.CodeRefreshFailed))
	s.wantAttempts(second, 0)
}

func TestAProviderThatFailsAgainAndAgainIsLeftAlone(t *testing.T) {
	s := begin(t, options{})
	s.provider.Behave(down)
	const opens = 5
	for range opens {
		g, id := s.expired()
		s.refusedRead(id)
		s.wantAttempts(g, 1)
	}
	spared, sparedID := s.expired()
	s.refusedRead(sparedID)
	s.wantAttempts(spared, 0)
	s.wantState(sparedID, strongroom.StatusRefreshFailing, strongroom.ReasonProviderError)
	if asked := s.provider.Stats().Requests[oauthtest.TokenPath]; asked != opens {
		t.Errorf("the token endpoint was asked %d times, want %d", asked, opens)
	}
}
