package custody_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// renewer renews as the test says, and counts how often it was asked.
type renewer struct {
	asked   int
	renew   func(ctx context.Context) error
	revoked []string
	outcome strongroom.Revocation
}

func (r *renewer) Renew(ctx context.Context, _, _ uuid.UUID, _ bool) error {
	r.asked++
	if r.renew == nil {
		return nil
	}
	return r.renew(ctx)
}

func (r *renewer) Revoke(_ context.Context, _ strongroom.Credential, data secret.Value) strongroom.Revocation {
	r.revoked = append(r.revoked, string(data.Reveal()))
	return r.outcome
}

// connected stores OAuth data of the provider and returns it with the renewer in charge.
func (s *scene) connected(provider, data string) (strongroom.Credential, *renewer) {
	s.Helper()
	r := &renewer{}
	s.custody.Renewer = r
	c, err := s.custody.Create(s.Context(), s.person(), strongroom.NewCredential{Name: "n", Provider: provider, Type: "oauth2", Data: secret.New([]byte(data))})
	s.must(err)
	return c, r
}

func (s *scene) at(d time.Duration) string { return s.now.Add(d).Format(time.RFC3339) }

// renewed writes what a renewal would: a new token that lives for an hour.
func (s *scene) renewed(c strongroom.Credential, token string) error {
	ctx := context.Background()
	state, err := s.store.RenewalState(ctx, c.OrganizationID, c.ID)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{"access_token": token})
	if err != nil {
		return err
	}
	sealed, err := s.sealer.Seal(ctx, seal.Binding{OrganizationID: c.OrganizationID, RecordID: c.ID, Version: state.Version + 1}, secret.New(data))
	if err != nil {
		return err
	}
	expires := s.now.Add(time.Hour)
	stale, next := expires.Add(-time.Minute), expires.Add(-15*time.Minute)
	return s.store.Write(ctx, func(tx store.Tx) error {
		return tx.EndRenewal(c.OrganizationID, store.RenewalEnd{ID: c.ID, Version: state.Version, Fence: state.Fence, Status: strongroom.StatusActive,
			Renewal: strongroom.Renewal{StaleAt: &stale, NextAt: &next}, Renewed: &store.RenewedData{Sealed: sealed, ExpiresAt: &expires, At: s.now}})
	})
}

// failed writes what a renewal that failed would.
func (s *scene) failed(c strongroom.Credential, status strongroom.CredentialStatus, reason strongroom.StatusReason, next *time.Time) {
	s.Helper()
	state, err := s.store.RenewalState(s.Context(), c.OrganizationID, c.ID)
	s.must(err)
	renewal := state.Renewal
	renewal.NextAt, renewal.Reason, renewal.Since, renewal.Failures = next, reason, &s.now, 1
	s.must(s.store.Write(s.Context(), func(tx store.Tx) error {
		return tx.EndRenewal(c.OrganizationID, store.RenewalEnd{ID: c.ID, Version: state.Version, Fence: state.Fence, Status: status, Renewal: renewal})
	}))
}

func (s *scene) details(err error) map[string]any {
	s.Helper()
	var e *strongroom.Error
	if !errors.As(err, &e) {
		s.Fatalf("error %v", err)
	}
	return e.Details
}

func TestADeadGrantIsRefusedOnlyOnceItsTokenHasEnded(t *testing.T) {
	s := setup(t)
	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":"`+s.at(time.Hour)+`"}`)
	s.failed(c, strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant, nil)
	s.now = s.now.Add(59*time.Minute + 30*time.Second)
	if _, err := s.open(c.ID); err != nil {
		t.Errorf("a token that is still valid is withheld: %v", err)
	}
	s.now = s.now.Add(time.Minute)
	_, err := s.open(c.ID)
	s.wantCode(err, strongroom.CodeReauthorization)
	if d := s.details(err); d["status"] != "needs_reauth" || d["reason"] != "invalid_grant" {
		t.Errorf("details %v", d)
	}
	if r.asked > 0 {
		t.Error("a dead grant was tried again")
	}
}

func TestAReaderDuringABackOffIsToldWhenToComeBackAndAsksNobody(t *testing.T) {
	s := setup(t)
	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":"`+s.at(time.Hour)+`"}`)
	s.now = s.now.Add(2 * time.Hour)
	next := s.now.Add(90 * time.Second)
	s.failed(c, strongroom.StatusRefreshFailing, strongroom.ReasonTimeout, &next)
	_, err := s.open(c.ID)
	s.wantCode(err, strongroom.CodeRefreshFailed)
	var e *strongroom.Error
	if errors.As(err, &e); e.RetryAfter != 90*time.Second || r.asked != 0 {
		t.Errorf("retry after %v, asked %d times", e.RetryAfter, r.asked)
	}
	s.now = next
	r.renew = func(context.Context) error { return s.renewed(c, "at-2") }
	opened, err := s.open(c.ID)
	s.must(err)
	if !strings.Contains(string(opened.Data.Reveal()), "at-2") {
		t.Error("after the back-off it was not renewed")
	}
}

func TestARenewalThatFailsLeavesAValidTokenServed(t *testing.T) {
	s := setup(t)
	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":"`+s.at(time.Hour)+`"}`)
	s.now = s.now.Add(59*time.Minute + 30*time.Second)
	r.renew = func(context.Context) error { return errors.New("no") }
	opened, err := s.open(c.ID)
	s.must(err)
	if r.asked != 1 || !strings.Contains(string(opened.Data.Reveal()), "at-1") {
		t.Errorf("asked %d times", r.asked)
	}
	s.now = s.now.Add(time.Hour)
	_, err = s.open(c.ID)
	s.wantCode(err, strongroom.CodeRefreshFailed)
}

func TestAStaleTokenIsRenewedBeforeTheAnswerAndReadAnew(t *testing.T) {
	s := setup(t)
	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":"`+s.at(time.Hour)+`"}`)
	opened, err := s.open(c.ID)
	s.must(err)
	if r.asked != 0 || opened.ETag != "v1" {
		t.Errorf("a fresh token: asked %d times, etag %s", r.asked, opened.ETag)
	}
	s.now = s.now.Add(2 * time.Hour)
	r.renew = func(context.Context) error { return s.renewed(c, "at-2") }
	opened, err = s.open(c.ID)
	s.must(err)
	if opened.ETag != "v2" || !strings.Contains(string(opened.Data.Reveal()), "at-2") {
		t.Errorf("got %s", opened.ETag)
	}
}

func TestWhatWasDecidedBeforeAWaitIsDecidedAgain(t *testing.T) {
	s := setup(t)
	c, r := s.connected("xero", `{"refresh_token":"rt-1"}`)
	r.renew = func(ctx context.Context) error { return s.delete(s.person(), c.ID) }
	_, err := s.open(c.ID)
	s.wantCode(err, strongroom.CodeNotFound)
}

// TestNewDataSaysWhenItIsRenewed is about what a person brings in from elsewhere.
func TestNewDataSaysWhenItIsRenewed(t *testing.T) {
	for name, row := range map[string]struct {
		provider, data string
		stale, due     bool
		later          bool
	}{
		"no access token: at once":                        {"xero", `{"refresh_token":"rt-1"}`, true, true, false},
		"no expiry: at once, for it does end":             {"xero", `{"access_token":"at-1","refresh_token":"rt-1"}`, true, true, false},
		"no expiry where tokens do not end: never":        {"notion", `{"access_token":"at-1","refresh_token":"rt-1"}`, false, false, false},
		"neither expiry nor refresh token: never":         {"xero", `{"access_token":"at-1"}`, false, false, false},
		"an expiry: ahead of it":                          {"xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":4102444800}`, false, false, true},
		"an expiry without refresh token: looked at then": {"xero", `{"access_token":"at-1","expires_at":4102444800}`, false, false, true},
		"an expiry in the past: at once":                  {"xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":1700000000}`, true, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t)
			c, r := s.connected(row.provider, row.data)
			if due := c.Renewal.NextAt != nil && !c.Renewal.NextAt.After(s.now); due != row.due {
				t.Errorf("due at %v", c.Renewal.NextAt)
			}
			if later := c.Renewal.NextAt != nil && c.Renewal.NextAt.After(s.now); later != row.later {
				t.Errorf("due at %v", c.Renewal.NextAt)
			}
			_, _ = s.open(c.ID)
			if stale := r.asked == 1; stale != row.stale {
				t.Errorf("a read asked %d times", r.asked)
			}
		})
	}
}

func TestOnlyWhatCanBeRenewedIsRefreshed(t *testing.T) {
	s := setup(t)
	_, err := s.custody.Refresh(t.Context(), s.person(), s.create().ID)
	s.wantCode(err, strongroom.CodeBadRequest)

	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":"`+s.at(time.Hour)+`"}`)
	_, err = s.custody.Refresh(t.Context(), s.worker(), c.ID)
	s.wantCode(err, strongroom.CodeForbidden)
	s.failed(c, strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost, nil)
	_, err = s.custody.Refresh(t.Context(), s.person(), c.ID)
	s.wantCode(err, strongroom.CodeReauthorization)
	if r.asked != 0 {
		t.Errorf("the provider was asked %d times", r.asked)
	}
}

func TestARefreshAnswersWithHowItEnded(t *testing.T) {
	s := setup(t)
	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","expires_at":"`+s.at(time.Hour)+`"}`)
	r.renew = func(context.Context) error {
		next := s.now.Add(time.Minute)
		s.failed(c, strongroom.StatusRefreshFailing, strongroom.ReasonProviderError, &next)
		return nil
	}
	_, err := s.custody.Refresh(t.Context(), s.person(), c.ID)
	s.wantCode(err, strongroom.CodeRefreshFailed)

	r.renew = func(context.Context) error { return s.renewed(c, "at-2") }
	got, err := s.custody.Refresh(t.Context(), s.person(), c.ID)
	s.must(err)
	if got.Version != 2 || got.LastRefreshedAt == nil || got.Status != strongroom.StatusActive {
		t.Errorf("got %+v", got)
	}
	before := r.asked
	if _, err = s.custody.Refresh(t.Context(), s.person(), c.ID); err != nil || r.asked != before {
		t.Errorf("asked again a moment later: %d times, %v", r.asked-before, err)
	}
	requests := 0
	for _, e := range s.events() {
		if e.Action == strongroom.ActionCredentialRefreshRequest && e.PrincipalID == s.user {
			requests++
		}
	}
	if requests != 3 {
		t.Errorf("%d requests are on record", requests)
	}
}

func TestDeletingRevokesWhereAskedAndSaysHowItWent(t *testing.T) {
	for _, row := range []struct {
		outcome strongroom.Revocation
		record  strongroom.Outcome
	}{
		{strongroom.RevocationFailed, strongroom.OutcomeFailed},
		{strongroom.RevocationUnsupported, strongroom.OutcomeFailed},
		{strongroom.RevocationDone, strongroom.OutcomeAllowed},
	} {
		t.Run(string(row.outcome), func(t *testing.T) {
			s := setup(t)
			c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1"}`)
			r.outcome = row.outcome
			got, err := s.custody.Delete(t.Context(), s.person(), c.ID, true)
			s.must(err)
			if got != row.outcome || len(r.revoked) != 1 || !strings.Contains(r.revoked[0], "rt-1") {
				t.Errorf("%s, revoked %v", got, r.revoked)
			}
			_, err = s.open(c.ID)
			s.wantCode(err, strongroom.CodeNotFound)
			events := s.events()
			last := events[len(events)-2]
			if last.Action != strongroom.ActionCredentialRevoke || last.Outcome != row.record || last.Note != string(row.outcome) || last.PrincipalID != s.user {
				t.Errorf("on record: %+v", last)
			}
		})
	}
	s := setup(t)
	c, r := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1"}`)
	s.must(s.delete(s.person(), c.ID))
	if len(r.revoked) > 0 {
		t.Error("revoked without being asked to")
	}
}

func TestAConnectionMadeAgainKeepsTheIdAndWhatTheProviderDoesNotGive(t *testing.T) {
	s := setup(t)
	c, _ := s.connected("xero", `{"access_token":"at-1","refresh_token":"rt-1","folder":"reports"}`)
	s.failed(c, strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant, nil)
	var old string
	got, err := s.custody.Reconnect(t.Context(), s.person(), c.ID, "client-7", func(was secret.Value) (secret.Value, error) {
		old = string(was.Reveal())
		return secret.New([]byte(`{"access_token":"at-9","refresh_token":"rt-9","expires_at":"` + s.at(time.Hour) + `"}`)), nil
	})
	s.must(err)
	if got.ID != c.ID || got.Version != 2 || got.Status != strongroom.StatusActive || got.Renewal.ClientID != "client-7" || !strings.Contains(old, "reports") {
		t.Errorf("got %+v of %s", got, old)
	}
	_, err = s.custody.Reconnect(t.Context(), s.worker(strongroom.Grant{Write: true}), c.ID, "", func(secret.Value) (secret.Value, error) { return secret.Value{}, nil })
	s.wantCode(err, strongroom.CodeUserAccountRequired)
}
