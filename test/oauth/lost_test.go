package oauth_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/oauthtest"
	"strongroom/internal/refresh"
	"strongroom/internal/store"
	"strongroom/secret"
)

// unwritable is an audit log whose database takes so many ends of renewals not: they are
// rolled back when all else is done.
type unwritable struct {
	audit.Recorder
	// failures are how many more; negative: without end.
	failures atomic.Int64
	// refused gets a value for every one, as long as there is room.
	refused chan struct{}
}

// Commit implements audit.Recorder.
func (u *unwritable) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	return u.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		events, err := change(tx)
		if err != nil || len(events) == 0 || u.failures.Load() == 0 {
			return events, err
		}
		u.failures.Add(-1)
		select {
		case u.refused <- struct{}{}:
		default:
		}
		return nil, store.ErrUnavailable
	})
}

func (s *scene) unwritable(failures int64) *unwritable {
	u := &unwritable{Recorder: s.App.Refresh.Audit, refused: make(chan struct{}, 1)}
	u.failures.Store(failures)
	s.App.Refresh.Audit = u
	return u
}

func TestATokenThatCannotBeWrittenIsHeldUntilItCan(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.unwritable(4)
	s.wantWorking(g, id, 1)
	s.wantLogged("the end of a renewal cannot be stored")
	s.clock.advance(2 * time.Hour)
	s.wantWorking(g, id, 2)
}

// TestATokenThatAShutdownLosesIsSaid: by the service that stops, and by the next on the
// credential, which does not pretend that the old refresh token were as good as ever.
func TestATokenThatAShutdownLosesIsSaid(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	u := s.unwritable(-1)
	ctx, leave := context.WithCancel(t.Context())
	reader := s.reading(ctx, s.URL, id)
	<-u.refused
	leave()
	<-reader

	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.App.Refresh.Close(impatient); !errors.Is(err, context.Canceled) {
		t.Fatalf("closing in the middle of it said %v", err)
	}
	must(t, s.App.Refresh.Close(t.Context()))
	s.wantLogged("the end of a renewal was not stored")
	s.restart()
	if s.provider.Grant(g.ID).RefreshTokenCurrent == g.RefreshToken {
		t.Fatal("no refresh token was lost, so nothing is tested")
	}

	s.clock.advance(time.Minute)
	s.read(id).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
	s.wantState(id, strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost)
}

// explosive is a provider's endpoint that panics in the middle of the first exchange.
type explosive struct {
	refresh.Endpoint
	spent atomic.Bool
}

// Refresh implements refresh.Endpoint.
func (e *explosive) Refresh(ctx context.Context, def catalog.OAuth, c refresh.Client, refreshToken secret.Value) oauth.Answer {
	answer := e.Endpoint.Refresh(ctx, def, c, refreshToken)
	if e.spent.Swap(true) {
		return answer
	}
	panic("canary-of-a-panic")
}

func TestAPanicFreesItsReadersAndTheNextLeaseRenews(t *testing.T) {
	s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: true}})
	s.provider.SetRotation(oauthtest.Rotation{KeepRefreshTokens: true})
	g, id := s.expired()
	s.App.Refresh.Endpoint = &explosive{Endpoint: s.App.Refresh.Endpoint}
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	first := s.reading(t.Context(), s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	second := s.reading(t.Context(), s.URL, id)
	eventually(t, "both wait", func() bool { return inFlight(t, &s.Client) == 2 })
	s.provider.Release()
	for _, reader := range []<-chan *apptest.Answer{first, second} {
		a := <-reader
		if a == nil {
			t.Fatal("a reader got no answer")
		}
		a.WantError(t, http.StatusServiceUnavailable, string(strongroom.CodeRefreshFailed))
	}
	s.wantLogged("a renewal panicked")
	s.clock.advance(time.Minute) // the lease of the attempt that panicked has ended
	s.wantWorking(g, id, 2)
}

func TestAProcessThatIsKilledInTheMiddleLosesNothingInSilence(t *testing.T) {
	for name, mode := range map[string]oauthtest.Mode{
		"before the provider has done anything: the old token still works": oauthtest.Hold,
		"after it has: the credential says so and is left alone":           oauthtest.HoldAnswer,
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{})
			g, id := s.expired()
			doomed := s.process("--refresh-workers", "0")
			s.provider.Behave(oauthtest.Behaviour{Mode: mode, Times: 1})
			reader := s.reading(t.Context(), doomed.URL, id)
			s.provider.WaitHeld(t.Context(), 1)
			doomed.Kill()
			<-reader

			s.clock.advance(time.Minute)
			if mode == oauthtest.Hold {
				s.wantWorking(g, id, 1)
				s.wantState(id, strongroom.StatusActive, "")
				return
			}
			for range 3 {
				s.read(id).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
				s.clock.advance(24 * time.Hour)
			}
			s.wantState(id, strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost)
			s.wantAttempts(g, 2)
		})
	}
}

func TestAnAnswerThatIsLostOnItsWayIsSaidAndTriedOnce(t *testing.T) {
	for name, mode := range map[string]oauthtest.Mode{
		"the connection broke":   oauthtest.DropAfter,
		"the answer was cut off": oauthtest.Cut,
		"the answer was no use":  oauthtest.AnswerGarbled,
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{})
			g, id := s.expired()
			s.provider.Behave(oauthtest.Behaviour{Mode: mode, Times: 1})
			s.refusedRead(id)
			s.wantState(id, strongroom.StatusUncertain, strongroom.ReasonAnswerLost)
			for range 3 {
				s.clock.advance(time.Hour)
				s.read(id).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
			}
			s.wantState(id, strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost)
			s.wantAttempts(g, 2)
		})
	}
}

func TestAProcessThatIsToldToStopStoresTheTokenItWaitsFor(t *testing.T) {
	s := begin(t, options{edit: patient})
	g, id := s.expired()
	stopping := s.process("--refresh-workers", "0")
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.HoldAnswer, Times: 1})
	ctx, leave := context.WithCancel(t.Context())
	reader := s.reading(ctx, stopping.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	leave()
	<-reader
	stopping.Signal(syscall.SIGTERM)
	stopping.Wrote("stopping: requests in flight may finish")
	s.provider.Release()
	if code := stopping.Wait(); code != 0 {
		t.Errorf("it ended with %d:\n%s", code, stopping.Output)
	}
	s.wantWorking(g, id, 1)
}
