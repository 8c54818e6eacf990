package oauth_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// manyDue stores credentials that are due now, by a true clock too, and whose tokens work
// for a good while yet.
func (s *scene) manyDue(count int) ([]oauthtest.Grant, []uuid.UUID) {
	s.t.Helper()
	const age = 50 * time.Minute
	s.clock.advance(-age)
	defer s.clock.advance(age)
	grants := s.provider.MakeGrants(count, oauthtest.GrantRequest{})
	ids := make([]uuid.UUID, count)
	for i, g := range grants {
		ids[i] = s.keep(g, time.Hour)
	}
	return grants, ids
}

func (s *scene) renewed(id uuid.UUID) bool { return s.Metadata(s.user, id).Version == 2 }

func TestWhatIsDueIsRenewedOnceOverThreeProcessesThoughNobodyReads(t *testing.T) {
	// Three processes take a while to start; what the first of them asks is held meanwhile.
	s := begin(t, options{edit: patient})
	const count, workers = 60, 8
	grants, ids := s.manyDue(count)
	for _, id := range ids {
		if m := s.Metadata(s.user, id); m.NextRefresh == nil || m.NextRefresh.After(s.clock.now()) || !m.ExpiresAt.After(s.clock.now()) {
			t.Fatalf("renewed from %v, ends at %v: nothing is tested", m.NextRefresh, m.ExpiresAt)
		}
	}
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold})
	var processes []*apptest.Process
	for range 3 {
		processes = append(processes, s.process("--refresh-workers", "8"))
	}
	s.provider.WaitHeld(t.Context(), workers+1) // more than one of them works on it
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Normal})
	s.provider.Release()
	for _, id := range ids {
		eventually(t, "all are renewed", func() bool { return s.renewed(id) })
	}
	for _, p := range processes {
		p.Signal(syscall.SIGTERM)
		if code := p.Wait(); code != 0 {
			t.Errorf("a process ended with %d:\n%s", code, p.Output)
		}
	}
	for i, g := range grants {
		s.wantWorking(g, ids[i], 1)
		s.wantAttempts(g, 1)
	}
	if most := s.provider.Stats().MaxInFlight; most > 3*workers {
		t.Errorf("%d were renewed at once by 3 processes with %d workers each", most, workers)
	}
}

func TestWhatAKilledProcessHadClaimedComesDueAgain(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	doomed := s.process("--refresh-workers", "4")
	s.provider.WaitHeld(t.Context(), 1)
	doomed.Kill()

	s.clock.advance(5 * time.Minute)
	s.renewAhead("the claim is taken over", func() bool { return s.renewed(id) })
	s.wantWorking(g, id, 1)
	s.wantState(id, strongroom.StatusActive, "")
}

// TestWhatNeedsAPersonIsNotTriedByTheBackground: a credential that is due shows each time
// that the background has looked.
func TestWhatNeedsAPersonIsNotTriedByTheBackground(t *testing.T) {
	s := begin(t, options{})
	dead, deadID := s.expired()
	s.provider.WithdrawConsent(dead.ID)
	s.renewAhead("the grant is found dead", func() bool { return s.Metadata(s.user, deadID).Status == strongroom.StatusNeedsReauth })
	for range 3 {
		s.clock.advance(30 * 24 * time.Hour)
		_, id := s.expired()
		s.renewAhead("another is renewed", func() bool { return s.renewed(id) })
		s.wantAttempts(dead, 1)
	}
	s.wantState(deadID, strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant)
}

func TestATokenThatCannotBeRenewedSaysSoWhenItEnds(t *testing.T) {
	for name, notice := range map[string]func(s *scene, id uuid.UUID){
		"though nobody reads": func(s *scene, id uuid.UUID) {
			s.renewAhead("its end is noticed", func() bool { return s.Metadata(s.user, id).Status != strongroom.StatusActive })
		},
		"to who reads": func(s *scene, id uuid.UUID) {
			s.read(id).WantError(s.t, http.StatusConflict, string(strongroom.CodeReauthorization))
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{})
			g := s.provider.MakeGrant(oauthtest.GrantRequest{})
			id := s.keep(oauthtest.Grant{AccessToken: g.AccessToken}, 10*time.Minute)
			s.clock.advance(10*time.Minute - time.Second)
			if got := tokenOf(t, s.read(id)); got.Access != g.AccessToken {
				t.Fatal("the token that works is not served")
			}
			s.wantState(id, strongroom.StatusActive, "")
			s.clock.advance(time.Second)
			notice(s, id)
			s.wantState(id, strongroom.StatusNeedsReauth, strongroom.ReasonNoRefreshToken)
			s.wantAttempts(g, 0)
		})
	}
}

// TestAFailingCredentialIsHealedByTheBackground: nobody has to read it to learn that the
// provider is well again.
func TestAFailingCredentialIsHealedByTheBackground(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(down)
	s.renewAhead("the failure shows", func() bool { return s.Metadata(s.user, id).Status == strongroom.StatusRefreshFailing })
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Normal})
	s.clock.advance(time.Minute)
	s.renewAhead("it is well again", func() bool { return s.Metadata(s.user, id).Status == strongroom.StatusActive })
	s.wantWorking(g, id, 1)
}

// TestAReaderWaitsForTheBackgroundsAttemptAtAFailingCredential: what the background has
// claimed is put off so that no other process takes it, which is no back-off to a reader.
func TestAReaderWaitsForTheBackgroundsAttemptAtAFailingCredential(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: http.StatusServiceUnavailable, Times: 1})
	s.refusedRead(id)
	s.clock.advance(time.Minute)
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.HoldAnswer, Times: 1})
	s.renewAhead("the reader got the background's token", func() bool {
		s.provider.WaitHeld(t.Context(), 1)
		reader := s.reading(t.Context(), s.URL, id)
		// It waits, or it is answered before there is anything to answer with.
		eventually(t, "the reader came", func() bool { return inFlight(t, &s.Client) == 1 || len(reader) == 1 })
		s.provider.Release()
		if a := <-reader; a == nil || a.Status != http.StatusOK {
			t.Errorf("the reader got %+v", a)
		}
		return true
	})
	s.wantWorking(g, id, 1)
}
