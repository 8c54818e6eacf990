package oauth_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// readers is how many read one expired credential at once.
const readers = 10_000

func patient(c *app.Config, _ *oauthtest.Server) { c.RefreshTimeout = time.Minute }

func TestTenThousandReadersOfAnExpiredTokenCauseOneExchange(t *testing.T) {
	for name, processes := range map[string]int{"in one process": 1, "over three processes": 3} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{edit: patient})
			g, id := s.expired()
			var services []*apptest.Client
			for range processes {
				// However slow the machine is: this is not about time.
				services = append(services, &s.process("--refresh-workers", "0", "--header-timeout", "1m", "--read-timeout", "5m", "--write-timeout", "5m").Client)
			}
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold})
			all := gather(t, services, s.key, id, readers)
			s.provider.WaitHeld(t.Context(), 1)
			all.wait(t, services)
			if held := s.provider.Held(); len(held) != 1 {
				t.Errorf("%d requests are at the token endpoint, want 1", len(held))
			}
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Normal})
			s.provider.Release()
			refused := 0
			got := all.wantSame(t, func() (a apptest.Answer) {
				refused++
				eventually(t, "a reader that comes back is answered", func() bool {
					a = s.read(id)
					return a.Status == http.StatusOK
				})
				return a
			})
			if processes == 1 && refused > 0 {
				t.Errorf("%d readers were refused", refused)
			}
			s.wantGrant(g, got, 1)
			s.wantAttempts(g, 1)
			s.wantState(id, strongroom.StatusActive, "")
		})
	}
}

func TestAnExchangeGoesOnWhenItsReaderIsGone(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	ctx, leave := context.WithCancel(t.Context())
	gone := s.reading(ctx, s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	leave()
	if a := <-gone; a != nil {
		t.Fatalf("the reader that left was answered %d", a.Status)
	}
	next := s.reading(t.Context(), s.URL, id)
	s.provider.Release()
	a := <-next
	if a == nil {
		t.Fatal("the next reader got no answer")
	}
	s.wantGrant(g, tokenOf(t, *a), 1)
	s.wantAttempts(g, 1)
}

func TestATokenThatCameAfterItsOnlyReaderLeftIsStored(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.HoldAnswer, Times: 1})
	ctx, leave := context.WithCancel(t.Context())
	gone := s.reading(ctx, s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	leave()
	<-gone
	s.provider.Release()
	eventually(t, "the new token is stored", func() bool { return s.Metadata(s.user, id).Version == 2 })
	s.wantWorking(g, id, 1)
}

// TestWhoWaitedForAnotherProcessReadsAnew: whatever became of the other's attempt is this
// reader's answer too, and no reason to ask the provider again.
func TestWhoWaitedForAnotherProcessReadsAnew(t *testing.T) {
	for name, c := range map[string]struct {
		withdraw bool
		status   int
	}{
		"and gets its token":         {false, http.StatusOK},
		"and does not try once more": {true, http.StatusConflict},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t, options{edit: patient})
			g, id := s.expired()
			other := s.process("--refresh-workers", "0")
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold})
			first := s.reading(t.Context(), other.URL, id)
			s.provider.WaitHeld(t.Context(), 1)
			second := s.reading(t.Context(), s.URL, id)
			eventually(t, "the second reader waits", func() bool { return inFlight(t, &s.Client) == 1 })
			if c.withdraw {
				s.provider.WithdrawConsent(g.ID)
			}
			s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Normal})
			s.provider.Release()
			for _, answered := range []<-chan *apptest.Answer{first, second} {
				if a := <-answered; a == nil || a.Status != c.status {
					t.Errorf("a reader got %+v, want %d", a, c.status)
				}
			}
			s.wantAttempts(g, 1)
		})
	}
}

func TestOneCredentialsExchangeDoesNotHoldUpAnothers(t *testing.T) {
	s := begin(t, options{})
	slow, slowID := s.expired()
	quick, quickID := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, GrantID: slow.ID, Times: 1})
	waiting := s.reading(t.Context(), s.URL, slowID)
	s.provider.WaitHeld(t.Context(), 1)
	s.wantWorking(quick, quickID, 1)
	s.provider.Release()
	if a := <-waiting; a == nil || a.Status != http.StatusOK {
		t.Errorf("the reader of the other got %+v", a)
	}
	s.wantWorking(slow, slowID, 1)
}

func TestWhoAsksForARenewalGetsTheOneUnderWay(t *testing.T) {
	s := begin(t, options{})
	g, id := s.expired()
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	reader := s.reading(t.Context(), s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)
	asked := make(chan apptest.Answer, 1)
	go func() {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+pathOf(id)+"/refresh", nil)
		if err == nil {
			request.Header.Set("Authorization", "Bearer "+s.user)
			if a := send(request); a != nil {
				asked <- *a
			}
		}
		close(asked)
	}()
	eventually(t, "both wait", func() bool { return inFlight(t, &s.Client) == 2 })
	s.provider.Release()
	(<-asked).Want(t, http.StatusOK)
	if a := <-reader; a == nil || a.Status != http.StatusOK {
		t.Errorf("the reader got %+v", a)
	}
	s.wantWorking(g, id, 1)
}

// TestALateTokenDoesNotReplaceANewerOne: where a lease ends before its exchange does, as
// when a process is put to sleep, the fence tells who was last.
func TestALateTokenDoesNotReplaceANewerOne(t *testing.T) {
	s := begin(t, options{definition: oauthtest.DefinitionOptions{KeepsRefreshTokens: true}})
	s.provider.SetRotation(oauthtest.Rotation{KeepRefreshTokens: true})
	g, id := s.expired()
	other := s.process("--refresh-workers", "0")
	s.App.Refresh.LeaseMargin = time.Millisecond - s.App.Refresh.Timeout
	s.provider.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	late := s.reading(t.Context(), s.URL, id)
	s.provider.WaitHeld(t.Context(), 1)

	newer := tokenOf(t, readBy(&other.Client, s.key, id))
	s.provider.Release()
	if a := <-late; a == nil || tokenOf(t, *a).Access != newer.Access {
		t.Errorf("the late reader got %+v, want the newer token", a)
	}
	if got := s.wantWorking(g, id, 2); got.Access != newer.Access {
		t.Error("the late token has replaced the newer one")
	}
	if m := s.Metadata(s.user, id); m.Version != 2 {
		t.Errorf("the credential is at version %d, want 2", m.Version)
	}
	s.wantLogged("a renewed token was not stored")
}
