package browser_test

import (
	"context"
	"testing"

	"github.com/chromedp/chromedp"

	"strongroom/internal/oauth/oauthtest"
)

func TestACallbackThatIsOpenedAgainEndsTheSame(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann, bob := s.person(), s.person()
	_, key := s.ServiceAccount(ann.organization, "mailer")
	connected := ann.connects("connect", "ann")
	back := s.nextCallback().address
	tab := ann.otherTab()
	for _, again := range []struct {
		how  string
		who  *person
		step chromedp.Action[chromedp.Void]
	}{
		{"the page is reloaded", ann, chromedp.Reload()},
		{"the callback's address is opened", ann, chromedp.Navigate(back)},
		{"it is reloaded then", ann, chromedp.Reload()},
		{"the callback's address is opened in another tab", tab, chromedp.Navigate(back)},
		{"a browser that did not begin opens it", bob, chromedp.Navigate(back)},
		{"the callback's address is opened after that", ann, chromedp.Navigate(back)},
	} {
		again.who.do(again.step)
		if landed := again.who.lands(); again.who == bob {
			landed.wantError(t, "invalid_state")
		} else if id := landed.connected(t); id != connected {
			t.Errorf("%s: the credential is %s, want %s", again.how, id, connected)
		}
	}
	s.wantCredentials(ann.organization, 1)
	s.wantCredentials(bob.organization, 0)
	s.wantExchanges(1)
	if _, grant := s.read(key, connected); !grant.Alive {
		t.Error("the grant has ended")
	}
}

// TestAPersonWhoGoesBackAndConsentsOnceMoreHasOneCredential: the state is over by then, so
// that the second code is not used, and the first grant is none the worse for it.
func TestAPersonWhoGoesBackAndConsentsOnceMoreHasOneCredential(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	_, key := s.ServiceAccount(ann.organization, "mailer")
	connected := ann.connects("connect", "ann")
	history := run(ann, chromedp.NavigationEntries())
	// Before the page at the end come the consent, which would be sent anew, and the login.
	login := history.Entries[history.CurrentIndex-2]
	ann.do(chromedp.NavigateToHistoryEntry(login.ID), chromedp.WaitVisible(id("login")))
	ann.logIn("ann")
	ann.do(chromedp.Click(id("allow")))
	ann.lands().wantError(t, "invalid_state")
	s.wantCredentials(ann.organization, 1)
	s.wantExchanges(1)
	if _, grant := s.read(key, connected); !grant.Alive || grant.Exchanges != 1 {
		t.Errorf("the grant is alive: %t, after %d exchanges", grant.Alive, grant.Exchanges)
	}
}

// TestAPersonWhoReloadsWhileTheProviderIsSlowIsConnectedAllTheSame: the code is at the
// provider by then and serves once; who does not wait for its answer must not lose it.
func TestAPersonWhoReloadsWhileTheProviderIsSlowIsConnectedAllTheSame(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	_, key := s.ServiceAccount(ann.organization, "mailer")
	ann.visit()
	ann.press("connect")
	ann.logIn("ann")
	s.server.Behave(oauthtest.Behaviour{Mode: oauthtest.Hold, Times: 1})
	ann.do(chromedp.Click(id("allow")))
	first := s.nextCallback()
	s.server.WaitHeld(t.Context(), 1)

	opened := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ann.ctx, patience)
		defer cancel()
		opened <- chromedp.Do(ctx, chromedp.Navigate(first.address))
	}()
	s.nextCallback()
	s.wait(first.gone, "the browser still waits for its first request")
	s.server.Release()
	if err := <-opened; err != nil {
		t.Fatalf("the callback's address does not open: %v", err)
	}
	connected := ann.lands().connected(t)
	if _, grant := s.read(key, connected); !grant.Alive {
		t.Error("the grant has ended")
	}
	s.wantCredentials(ann.organization, 1)
	s.wantExchanges(1)
}
