package browser_test

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"strongroom"
)

func TestAPersonConnectsAnAccount(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	_, key := s.ServiceAccount(ann.organization, "mailer")
	ann.visit()
	ann.press("connect")
	ann.logIn("ann")
	ann.photograph("consent")
	if asked := run(ann, chromedp.Text(chromedp.CSS("ul"))); asked != "openid\noffline_access" {
		t.Errorf("the provider asks for consent to %q, want the definition's scopes", asked)
	}
	ann.do(chromedp.Click(id("allow")))
	landed := ann.lands()
	ann.photograph("landing")

	id := landed.connected(t)
	if m := s.Metadata(ann.token, id); m.Email == nil || *m.Email != "ann@example.com" || m.Status != strongroom.StatusActive || m.ExpiresAt == nil || m.NextRefresh == nil {
		t.Errorf("the metadata is %+v", m)
	}
	read, grant := s.read(key, id)
	if grant.Username != "ann" || !grant.Alive || read.Email != "ann@example.com" {
		t.Errorf("the grant is of %s, alive %t; the e-mail is %s", grant.Username, grant.Alive, read.Email)
	}
	if read.Refresh == "" || read.Refresh != grant.RefreshTokenCurrent {
		t.Errorf("the refresh token that was read is not the grant's; there is one: %t", read.Refresh != "")
	}
	s.wantCredentials(ann.organization, 1)
	s.wantExchanges(1)

	// The page is another's code: what came back from the provider is not for it.
	if want := s.platform + "/connected?credential_id=" + id.String(); landed.Address != want || landed.Referrer != "" {
		t.Errorf("the page's address is %s, want %s; its referrer is %q, want none", landed.Address, want, landed.Referrer)
	}
}

func TestNobodyButTheServiceSeesTheBrowsersKey(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	ann.visit()
	ann.press("connect")
	held := run(ann, func(ctx context.Context, tab *chromedp.Target) (network.GetCookiesResult, error) {
		return cdp.Call(ctx, tab, network.GetCookies, network.GetCookiesParams{URLs: []string{s.platform + callbackPath}})
	})
	if len(held.Cookies) != 1 {
		t.Fatalf("the browser has %d cookies for the callback, want 1", len(held.Cookies))
	}
	// A domain without a dot before it is the host alone.
	c := held.Cookies[0]
	if !c.HTTPOnly || c.SameSite != network.CookieSameSiteLax || c.Path != "/api" || c.Domain != "localhost" || c.Session {
		t.Errorf("the cookie is HttpOnly: %t, SameSite=%s, Path=%s, Domain=%s, until the browser ends: %t", c.HTTPOnly, c.SameSite, c.Path, c.Domain, c.Session)
	}
	if strings.Contains(run(ann, chromedp.Location()), c.Value) {
		t.Error("the provider is told the key")
	}
}

func TestAPersonWhoDeniesIsToldSo(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	ann := s.person()
	ann.visit()
	ann.press("connect")
	ann.logIn("ann")
	ann.do(chromedp.Click(id("deny")))
	ann.lands().wantError(t, "access_denied")
	s.wantCredentials(ann.organization, 0)
	s.wantExchanges(0)
}

func TestTwoTabsOfOneBrowserDoNotDisturbEachOther(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	first := s.person()
	second := first.otherTab()
	for who, p := range map[string]*person{"ann": first, "bob": second} {
		p.visit()
		p.press("connect")
		p.logIn(who)
	}
	for who, p := range map[string]*person{"bob@example.com": second, "ann@example.com": first} {
		p.do(chromedp.Click(id("allow")))
		if m := s.Metadata(p.token, p.lands().connected(t)); m.Email == nil || *m.Email != who {
			t.Errorf("the account is %v, want %s", m.Email, who)
		}
	}
	s.wantCredentials(first.organization, 2)
	s.wantExchanges(2)
}
