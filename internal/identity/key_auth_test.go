package identity_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/identity"
	"strongroom/internal/store"
)

func TestCredentialsThatAreRefusedAsPresented(t *testing.T) {
	keys := &memory{}
	a := identity.New(keys, nil, newClock().time)
	key, other := keys.add(t, &organization, nil), keys.add(t, &organization, nil)
	for _, c := range []struct {
		name string
		p    identity.Presented
	}{
		{"nothing", identity.Presented{}},
		{"an organization alone", identity.Presented{Organization: []string{organization.String()}}},
		{"an empty Authorization", identity.Presented{Authorization: []string{""}}},
		{"an empty X-API-Key", apiKey("")},
		{"a scheme alone", identity.Presented{Authorization: []string{"Bearer"}}},
		{"a scheme and spaces", identity.Presented{Authorization: []string{"Bearer   "}}},
		{"a key without a scheme", identity.Presented{Authorization: []string{key}}},
		{"another scheme", identity.Presented{Authorization: []string{"Basic " + key}}},
		{"a tab for a space", identity.Presented{Authorization: []string{"Bearer\t" + key}}},
		{"two tokens in one header", identity.Presented{Authorization: []string{"Bearer " + key + " " + key}}},
		{"two tokens with a comma", identity.Presented{Authorization: []string{"Bearer " + key + ", Bearer " + key}}},
		{"two Authorization headers", identity.Presented{Authorization: []string{"Bearer " + key, "Bearer " + key}}},
		{"two X-API-Key headers", identity.Presented{APIKey: []string{key, key}}},
		{"two different keys", identity.Presented{Authorization: []string{"Bearer " + key}, APIKey: []string{other}}},
		{"a token and a key", identity.Presented{Authorization: []string{"Bearer e30.e30.e30"}, APIKey: []string{key}}},
		{"another scheme and a key", identity.Presented{Authorization: []string{"Basic Og=="}, APIKey: []string{key}}},
		{"an empty Authorization and a key", identity.Presented{Authorization: []string{""}, APIKey: []string{key}}},
		{"a key and an empty X-API-Key", identity.Presented{Authorization: []string{"Bearer " + key}, APIKey: []string{""}}},
		{"one JWT in both headers", identity.Presented{Authorization: []string{"Bearer e30.e30.e30"}, APIKey: []string{"e30.e30.e30"}}},
		{"a JWT as X-API-Key", apiKey("e30.e30.e30")},
		{"a mistyped key", apiKey(swapped(key))},
		{"a mistyped key as a bearer token", bearer(swapped(key))},
	} {
		t.Run(c.name, func(t *testing.T) { wantRefused(t, a, c.p, strongroom.CodeUnauthorized) })
	}
	if keys.lookups != 0 {
		t.Errorf("%d look-ups for credentials that show by themselves to be bad", keys.lookups)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	clock := newClock()
	now := startOfTime
	for _, c := range []struct {
		name   string
		change func(*store.KeyHolder)
	}{
		{"of an inactive account", func(h *store.KeyHolder) { h.Account.Status = strongroom.ServiceAccountInactive }},
		{"of an account without a status", func(h *store.KeyHolder) { h.Account.Status = "" }},
		{"expired a moment ago", func(h *store.KeyHolder) { at := now.Add(-time.Microsecond); h.Key.ExpiresAt = &at }},
		{"expiring now", func(h *store.KeyHolder) { h.Key.ExpiresAt = &now }},
		{"found by another hash", func(h *store.KeyHolder) { h.Hash[31] ^= 1 }},
		{"of another account", func(h *store.KeyHolder) { h.Account.ID = neighbour; h.Key.ServiceAccountID = neighbour }},
		{"of another account than its row says", func(h *store.KeyHolder) { h.Key.ServiceAccountID = uuid.New() }},
		{"of another organization", func(h *store.KeyHolder) { h.Account.OrganizationID = &neighbour; h.Key.OrganizationID = &neighbour }},
		{"of another organization than its row says", func(h *store.KeyHolder) { h.Key.OrganizationID = &neighbour }},
		{"of an account that is now the system's", func(h *store.KeyHolder) { h.Account.OrganizationID = nil; h.Key.OrganizationID = nil }},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := &memory{}
			token := keys.add(t, &organization, c.change)
			wantRefused(t, identity.New(keys, nil, clock.time), apiKey(token), strongroom.CodeUnauthorized)
			if keys.lookups != 1 {
				t.Errorf("%d look-ups, want 1", keys.lookups)
			}
		})
	}
	t.Run("never made", func(t *testing.T) {
		a := identity.New(&memory{}, nil, clock.time)
		wantRefused(t, a, apiKey(mustKey(t, &organization, account).token), strongroom.CodeUnauthorized)
	})
}

func TestADatabaseThatFailsNeverLooksLikeABadKey(t *testing.T) {
	for _, c := range []struct {
		name  string
		err   error
		code  strongroom.Code
		retry bool
	}{
		{"out of reach", fmt.Errorf("dial: %w", store.ErrUnavailable), strongroom.CodeRepositoryUnavailable, true},
		{"too slow", fmt.Errorf("query: %w", context.DeadlineExceeded), strongroom.CodeRepositoryUnavailable, true},
		{"given up by the client", context.Canceled, strongroom.CodeRepositoryUnavailable, true},
		{"broken", errors.New("no such column"), strongroom.CodeRepository, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys := &memory{}
			token := keys.add(t, &organization, nil)
			keys.err = c.err
			a := identity.New(keys, nil, newClock().time)
			refused := wantRefused(t, a, apiKey(token), c.code)
			if got := refused.RetryAfter > 0; got != c.retry {
				t.Errorf("retry after %s", refused.RetryAfter)
			}
			if !errors.Is(refused, c.err) {
				t.Error("the cause is lost to the log")
			}
			keys.err = nil
			mustAuthenticate(t, a, apiKey(token))
		})
	}
}

func TestASystemKeyWithoutOneWellFormedOrganizationIsABadRequest(t *testing.T) {
	keys := &memory{}
	token := keys.add(t, nil, nil)
	a := identity.New(keys, nil, newClock().time)
	id := organization.String()
	for name, values := range map[string][]string{
		"none":               nil,
		"an empty one":       {""},
		"a word":             {"acme"},
		"the nil UUID":       {uuid.Nil.String()},
		"two":                {id, id},
		"two with a comma":   {id + "," + id},
		"one with braces":    {"{" + id + "}"},
		"one as a URN":       {"urn:uuid:" + id},
		"one without dashes": {organization.String()[:8] + "000070008000000000000001"},
		"one cut off":        {id[:35]},
		"one bad digit":      {"g" + id[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			wantRefused(t, a, identity.Presented{APIKey: []string{token}, Organization: values}, strongroom.CodeBadRequest)
		})
	}
}

func TestABadSystemKeyIsUnauthorizedWhateverOrganizationItNames(t *testing.T) {
	keys := &memory{}
	token := keys.add(t, nil, func(h *store.KeyHolder) { h.Account.Status = strongroom.ServiceAccountInactive })
	wantRefused(t, identity.New(keys, nil, newClock().time), apiKey(token), strongroom.CodeUnauthorized)
}

func TestAServiceAccountIsKnownByItsKey(t *testing.T) {
	keys := &memory{}
	later := startOfTime.Add(time.Microsecond)
	token := keys.add(t, &organization, func(h *store.KeyHolder) { h.Key.ExpiresAt = &later })
	a := identity.New(keys, nil, newClock().time)
	for name, p := range map[string]identity.Presented{
		"as X-API-Key":                      apiKey(token),
		"as a bearer token":                 bearer(token),
		"with the scheme in lower case":     {Authorization: []string{"bearer " + token}},
		"with the scheme in upper case":     {Authorization: []string{"BEARER " + token}},
		"with more spaces":                  {Authorization: []string{"Bearer   " + token}},
		"in both headers":                   {Authorization: []string{"Bearer " + token}, APIKey: []string{token}},
		"with another organization named":   {APIKey: []string{token}, Organization: []string{neighbour.String()}},
		"with a malformed organization too": {APIKey: []string{token}, Organization: []string{"acme", "other"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := mustAuthenticate(t, a, p)
			if got.Kind != strongroom.KindServiceAccount || got.ID != account || got.OrganizationID != organization {
				t.Errorf("got %s %s of organization %s", got.Kind, got.ID, got.OrganizationID)
			}
			if got.KeyID == uuid.Nil || len(got.Grants) != 1 || got.Role != "" || got.Email != "" {
				t.Errorf("key %s, %d grants, role %q, e-mail %q", got.KeyID, len(got.Grants), got.Role, got.Email)
			}
		})
	}
}

func TestASystemServiceAccountActsInTheOrganizationItNames(t *testing.T) {
	keys := &memory{}
	token := keys.add(t, nil, nil)
	a := identity.New(keys, nil, newClock().time)
	for _, id := range []uuid.UUID{organization, neighbour} {
		got := mustAuthenticate(t, a, identity.Presented{APIKey: []string{token}, Organization: []string{id.String()}})
		if got.Kind != strongroom.KindSystemServiceAccount || got.ID != account || got.OrganizationID != id {
			t.Errorf("got %s %s of organization %s", got.Kind, got.ID, got.OrganizationID)
		}
	}
}

func FuzzAuthenticate(f *testing.F) {
	clock := newClock()
	keys := &memory{}
	good := keys.add(f, &organization, nil)
	token := sign(f, "HS256", sharedSecret, "", mustJSON(f, claims(secretName, nil)))
	a := identity.New(keys, []*identity.Issuer{secretIssuer(f, clock, identity.ClaimPaths{})}, clock.time)
	f.Add("Bearer "+good, good, organization.String())
	f.Add("Bearer "+token, "", "")
	f.Add("bearer "+oldSysKey, oldSysKey, "x")
	f.Add("Bearer saf_", "saf_", "")
	f.Add("Bearer eyJhbGciOiJub25lIn0.e30.", "", "")
	f.Add("Bearer ..", "..", "")
	f.Fuzz(func(t *testing.T, authorization, key, named string) {
		p := identity.Presented{Organization: []string{named}}
		if authorization != "" {
			p.Authorization = []string{authorization}
		}
		if key != "" {
			p.APIKey = []string{key}
		}
		principal, err := a.Authenticate(context.Background(), p)
		if err == nil {
			if principal.ID == uuid.Nil || principal.OrganizationID != organization {
				t.Errorf("got %s %s of organization %s", principal.Kind, principal.ID, principal.OrganizationID)
			}
			return
		}
		if code := strongroom.CodeOf(err); code != strongroom.CodeUnauthorized {
			t.Errorf("code %q, want %q", code, strongroom.CodeUnauthorized)
		}
		if principal.Kind != "" {
			t.Error("a principal came with the error")
		}
	})
}
