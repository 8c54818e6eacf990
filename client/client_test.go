package client_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/client"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

func TestWhatWasStoredIsOpened(t *testing.T) {
	s := begin(t)
	id := s.storeKey(t)
	data, err := s.client.Open(t.Context(), id)
	must(t, err)
	if want := `{"api_key":"` + canary + `1"}`; string(data.Reveal()) != want {
		t.Errorf("opened %d bytes, and not what was stored", len(data.Reveal()))
	}
	about, err := s.client.Get(t.Context(), id)
	must(t, err)
	if about.ID != id || about.Provider != "api_credential" || about.Version != 1 || about.LastUsedAt == nil {
		t.Errorf("the metadata is of %s, %s, version %d, used at %v", about.ID, about.Provider, about.Version, about.LastUsedAt)
	}
}

func TestWhatIsHeldIsFetchedAgainOnlyIfItHasChanged(t *testing.T) {
	s := begin(t)
	id := s.storeKey(t)
	first, err := s.client.OpenIfChanged(t.Context(), id, "")
	must(t, err)
	if first.NotModified || first.ETag == "" || first.Data.Empty() {
		t.Fatalf("first opened: %+v", first)
	}
	same, err := s.client.OpenIfChanged(t.Context(), id, first.ETag)
	must(t, err)
	if !same.NotModified || same.ETag != first.ETag || !same.Data.Empty() {
		t.Errorf("opened again: %+v", same)
	}
	s.Do(apptest.Request{Method: http.MethodPatch, Path: credentialsPath + "/" + id, Token: s.user, Body: map[string]any{
		"credential_type": "api_key", "credentials": map[string]any{"api_key": canary + "2"},
	}}).Want(t, http.StatusOK)
	changed, err := s.client.OpenIfChanged(t.Context(), id, first.ETag)
	must(t, err)
	if changed.NotModified || changed.ETag == first.ETag || !strings.Contains(string(changed.Data.Reveal()), canary+"2") {
		t.Errorf("opened after the change: %+v", changed)
	}
}

func TestEveryOpeningAsksTheService(t *testing.T) {
	s := begin(t)
	id := s.storeKey(t)
	for range 3 {
		_, err := s.client.Open(t.Context(), id)
		must(t, err)
	}
	admin := s.UserToken(s.organization, uuid.New(), strongroom.RoleOrgAdmin)
	var page api.AuditEvents
	s.Do(apptest.Request{Method: http.MethodGet, Path: "/api/audit/events?action=credential.read&credential_id=" + id, Token: admin}).
		Want(t, http.StatusOK).Into(t, &page)
	if len(page.Events) != 3 {
		t.Errorf("%d reads are on record, want 3", len(page.Events))
	}
}

func TestATestThatFailsIsNoError(t *testing.T) {
	s := begin(t)
	id := s.store(t, "postgresql", "user_password", map[string]any{
		"host": "127.0.0.1", "port": 1, "username": "u", "password": canary, "database": "d",
	})
	check, err := s.client.Test(t.Context(), id)
	must(t, err)
	if check.Success || check.Code == nil || *check.Code != "refused" || check.Message == "" || check.Version != 1 {
		t.Errorf("tested: %+v", check)
	}
}

func TestATokenIsRenewedOnRequest(t *testing.T) {
	t.Parallel()
	provider := oauthtest.Start(t)
	s := apptest.Start(t, func(c *app.Config) {
		apptest.OAuth(t, c, provider, "acme", oauthtest.DefinitionOptions{})
		c.RefreshWorkers = 0
	})
	organization := uuid.New()
	id := s.Import(s.UserToken(organization, uuid.New(), strongroom.RoleAppUser), "acme", provider.MakeGrant(oauthtest.GrantRequest{}), time.Hour).String()

	_, reader := s.ServiceAccount(organization, "reader")
	_, err := open(t, s.URL, reader).Refresh(t.Context(), id)
	if e := refused(t, err); e.Status != http.StatusForbidden || e.Code != "forbidden" {
		t.Errorf("without a grant to write it was refused with %v", e)
	}
	_, writer := s.ServiceAccount(organization, "writer", strongroom.Grant{Write: true})
	after, err := open(t, s.URL, writer).Refresh(t.Context(), id)
	must(t, err)
	if after.Version != 2 || after.LastRefreshedAt == nil {
		t.Errorf("renewed: version %d at %v", after.Version, after.LastRefreshedAt)
	}
}

func TestADeadGrantIsToldWithItsDetails(t *testing.T) {
	t.Parallel()
	provider := oauthtest.Start(t)
	s := apptest.Start(t, func(c *app.Config) {
		apptest.OAuth(t, c, provider, "acme", oauthtest.DefinitionOptions{})
		c.RefreshWorkers = 0
	})
	organization := uuid.New()
	g := provider.MakeGrant(oauthtest.GrantRequest{})
	id := s.Import(s.UserToken(organization, uuid.New(), strongroom.RoleAppUser), "acme", g, -time.Minute).String()
	provider.WithdrawConsent(g.ID)
	_, err := open(t, s.URL, s.APIKey(organization, "worker")).Open(t.Context(), id)
	e := refused(t, err)
	if details, ok := e.Details.(map[string]any); e.Status != http.StatusConflict || e.Code != "reauthorization_required" || !ok || len(details) == 0 {
		t.Errorf("refused with %v and details %v", e, e.Details)
	}
}

func TestARefusalIsTold(t *testing.T) {
	s := begin(t)
	id := s.storeKey(t)
	for name, c := range map[string]struct {
		key, id, code string
		status        int
	}{
		"to a user":                 {s.user, id, "service_account_required", http.StatusForbidden},
		"to a key that is not one":  {canary + "key", id, "unauthorized", http.StatusUnauthorized},
		"of what is not there":      {s.key, someID, "not_found", http.StatusNotFound},
		"of an id that is half one": {s.key, "01a20282", "invalid_credential_id", http.StatusBadRequest},
		"to another organization":   {s.APIKey(uuid.New(), "other"), id, "not_found", http.StatusNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := open(t, s.URL, c.key).Open(t.Context(), c.id)
			e := refused(t, err)
			if e.Status != c.status || e.Code != c.code || e.Message == "" || e.RequestID == "" || !data.Empty() {
				t.Fatalf("refused with %+v, want %d %s", e, c.status, c.code)
			}
			want := fmt.Sprintf("%s (%d %s, request %s)", e.Message, c.status, c.code, e.RequestID)
			if err.Error() != want {
				t.Errorf("says %q, want %q", err, want)
			}
		})
	}
}

func TestAnIDThatIsNoneIsNotSent(t *testing.T) {
	t.Parallel()
	c := answering(t, func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") })
	for _, id := range []string{"", "..", "../../service-accounts", "a/b", "a?b", "a b", canary} {
		if _, err := c.Open(t.Context(), id); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", id, err)
		}
		if _, err := c.Refresh(t.Context(), id); err == nil {
			t.Errorf("%q was renewed", id)
		}
	}
}

func TestOptionsThatCannotBeUsedAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]client.Options{
		"no URL":                  {Key: canary},
		"no key":                  {URL: "http://localhost"},
		"a URL without scheme":    {URL: "localhost:8080", Key: canary},
		"a URL of another scheme": {URL: "ftp://localhost", Key: canary},
		"a URL without host":      {URL: "http:///api", Key: canary},
		"a URL with a password":   {URL: "http://user:" + canary + "@localhost", Key: canary},
		"a URL with a query":      {URL: "http://localhost/?a=" + canary, Key: canary},
		"a URL that is broken":    {URL: "http://[" + canary, Key: canary},
		"a key with a line break": {URL: "http://localhost", Key: canary + "\n"},
		"a key in other letters":  {URL: "http://localhost", Key: canary + "ü"},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := client.New(o)
			if c != nil || err == nil {
				t.Fatal("it was taken")
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats it: %v", err)
			}
		})
	}
}

func TestTheAPIIsWhereTheURLSays(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"":            "/api" + "/integrations/credentials/" + someID,
		"/":           "/api" + "/integrations/credentials/" + someID,
		"/secrets/":   "/secrets/integrations/credentials/" + someID,
		"/strong/api": "/strong/api/integrations/credentials/" + someID,
	} {
		var asked string
		sent := roundTripper(func(r *http.Request) (*http.Response, error) {
			asked = r.URL.Path
			return answer(http.StatusOK, `{}`, nil), nil
		})
		c, err := client.New(client.Options{URL: "http://strongroom.example.com" + given, Key: "k", HTTP: &http.Client{Transport: sent}})
		must(t, err)
		if _, err := c.Get(t.Context(), someID); err != nil || asked != want {
			t.Errorf("%q: asked %s (%v), want %s", given, asked, err, want)
		}
	}
}
