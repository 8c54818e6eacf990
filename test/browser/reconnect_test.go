package browser_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

func TestAnAccountWhoseConsentWasWithdrawnIsConnectedAgainUnderTheSameID(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	_, key := s.ServiceAccount(ann.organization, "mailer")
	connected := ann.connects("connect", "ann")
	before, old := s.read(key, connected)

	s.server.WithdrawConsent(old.ID)
	s.Do(apptest.Request{Method: http.MethodPost, Path: "/api/integrations/credentials/" + connected.String() + "/refresh", Token: ann.token}).
		WantError(t, http.StatusConflict, "reauthorization_required")
	dead := s.Metadata(ann.token, connected)
	if dead.Status != strongroom.StatusNeedsReauth || dead.Reason == nil || dead.Since == nil || dead.NextRefresh != nil {
		t.Errorf("the metadata is %+v", dead)
	}
	ann.visit()
	if seen := run(ann, chromedp.Text(id("credentials"))); !strings.Contains(seen, "ann@example.com: needs_reauth") {
		t.Errorf("the platform shows %q", seen)
	}

	if again := ann.connects("again-"+connected.String(), "ann"); again != connected {
		t.Errorf("the credential is %s now, want %s", again, connected)
	}
	alive := s.Metadata(ann.token, connected)
	if alive.Status != strongroom.StatusActive || alive.Reason != nil || alive.Since != nil || alive.RefreshError != nil || alive.NextRefresh == nil || alive.Version <= dead.Version {
		t.Errorf("the metadata is %+v", alive)
	}
	after, grant := s.read(key, connected)
	if grant.ID == old.ID || !grant.Alive || grant.Username != "ann" {
		t.Errorf("the grant is %s of %s, alive %t", grant.ID, grant.Username, grant.Alive)
	}
	if after.Access == before.Access || after.Refresh == before.Refresh || after.Refresh != grant.RefreshTokenCurrent {
		t.Error("the tokens are not the new grant's")
	}
	ann.visit()
	if seen := run(ann, chromedp.Text(id("credentials"))); !strings.Contains(seen, "ann@example.com: active") {
		t.Errorf("the platform shows %q", seen)
	}
	s.wantCredentials(ann.organization, 1)
	s.wantExchanges(2)
	if err := s.renew(ann.organization, connected); err != nil {
		t.Fatal(err)
	}
	if renewed, grant := s.read(key, connected); renewed.Access == after.Access || !grant.Alive {
		t.Errorf("the new grant does not renew; alive: %t", grant.Alive)
	}
}

// TestARenewalOfADeadGrantEnds: there is nothing to renew, and the provider is not asked.
func TestARenewalOfADeadGrantEnds(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	g := s.server.MakeGrant(oauthtest.GrantRequest{Username: "ann"})
	imported := s.Import(ann.token, provider, g, time.Hour)
	s.server.WithdrawConsent(g.ID)
	for _, how := range []string{"the grant has just ended", "it is known that the grant has ended"} {
		if err := s.renew(ann.organization, imported); err != nil {
			t.Errorf("%s: the renewal ends with %v", how, err)
		}
	}
	if m, n := s.Metadata(ann.token, imported), s.server.Grant(g.ID).Attempts; m.Status != strongroom.StatusNeedsReauth || n != 1 {
		t.Errorf("the credential is %s after %d attempts, want 1", m.Status, n)
	}
}
