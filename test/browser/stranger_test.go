package browser_test

import (
	"testing"

	"github.com/chromedp/chromedp"
)

// TestALinkThatAnotherBeganJoinsNobodysAccount: an attacker begins a connection and has a
// victim open the address that it goes on at. The victim knows the provider, logs in and
// consents; the account must not come to stand in the attacker's organization.
func TestALinkThatAnotherBeganJoinsNobodysAccount(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ busy bool }{
		"the victim has never asked for anything":          {false},
		"the victim is connecting an account of their own": {true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			attacker, victim := s.person(), s.person()
			attacker.visit()
			link := attacker.begin()
			own := victim.otherTab()
			if test.busy {
				own.visit()
				own.press("connect")
			}
			victim.do(chromedp.Navigate(link), chromedp.WaitVisible(id("login")))
			victim.logIn("victim")
			victim.do(chromedp.Click(id("allow")))
			victim.lands().wantError(t, "invalid_state")
			s.wantCredentials(attacker.organization, 0)
			s.wantCredentials(victim.organization, 0)
			s.wantExchanges(0)

			// Nor does the code help an attacker who gets hold of it: the state is over.
			attacker.do(chromedp.Navigate(s.nextCallback().address))
			attacker.lands().wantError(t, "invalid_state")
			s.wantCredentials(attacker.organization, 0)
			s.wantExchanges(0)
			if !test.busy {
				return
			}
			own.logIn("victim")
			own.do(chromedp.Click(id("allow")))
			own.lands().connected(t)
			s.wantCredentials(victim.organization, 1)
			s.wantCredentials(attacker.organization, 0)
		})
	}
}

// TestAConsentThatAnotherGaveJoinsNobodysAccount is the reverse: the attacker consents to
// an account of their own and has the victim's browser bring the code, so that what the
// victim stores from then on would go to the attacker's account.
func TestAConsentThatAnotherGaveJoinsNobodysAccount(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	attacker, victim := s.person(), s.person()
	attacker.visit()
	back := s.server.Allow(attacker.begin(), "attacker")
	victim.visit()
	victim.do(chromedp.Navigate(back.String()))
	victim.lands().wantError(t, "invalid_state")
	s.wantCredentials(victim.organization, 0)
	s.wantCredentials(attacker.organization, 0)
	s.wantExchanges(0)
}
