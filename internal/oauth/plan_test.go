package oauth_test

import (
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/oauth"
)

var now = time.Date(2031, 1, 2, 15, 4, 5, 0, time.UTC)

func at(d time.Duration) *time.Time {
	t := now.Add(d)
	return &t
}

// credential has a token that is stale and renewed now.
func credential(edit func(*strongroom.Credential)) strongroom.Credential {
	c := strongroom.Credential{
		Status: strongroom.StatusActive, ExpiresAt: at(time.Minute),
		Renewal: strongroom.Renewal{StaleAt: at(-time.Second), NextAt: at(-time.Minute)},
	}
	if edit != nil {
		edit(&c)
	}
	return c
}

func failing(status strongroom.CredentialStatus, reason strongroom.StatusReason, nextAt *time.Time) func(*strongroom.Credential) {
	return func(c *strongroom.Credential) {
		c.Status, c.Renewal.Reason, c.Renewal.NextAt, c.Renewal.Since = status, reason, nextAt, at(-time.Hour)
	}
}

func expired(edit func(*strongroom.Credential)) func(*strongroom.Credential) {
	return func(c *strongroom.Credential) {
		c.ExpiresAt = at(0)
		if edit != nil {
			edit(c)
		}
	}
}

func TestReadsThatAreRefused(t *testing.T) {
	for _, tc := range []struct {
		name       string
		edit       func(*strongroom.Credential)
		tried      bool
		code       strongroom.Code
		retryAfter time.Duration
	}{
		{"an expired token of a dead grant", expired(failing(strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant, nil)), false, strongroom.CodeReauthorization, 0},
		{"an expired token of a dead grant with a next try", expired(failing(strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost, at(time.Hour))), false, strongroom.CodeReauthorization, 0},
		{"an expired token that nothing renews", expired(func(c *strongroom.Credential) { c.Renewal.NextAt = nil }), false, strongroom.CodeReauthorization, 0},
		{"an expired token during a back-off", expired(failing(strongroom.StatusRefreshFailing, strongroom.ReasonTimeout, at(90*time.Second))), false, strongroom.CodeRefreshFailed, 90 * time.Second},
		{"an expired token during a back-off that is nearly over", expired(failing(strongroom.StatusRefreshFailing, strongroom.ReasonTimeout, at(time.Millisecond))), false, strongroom.CodeRefreshFailed, time.Second},
		{"an expired token of an uncertain grant during a back-off", expired(failing(strongroom.StatusUncertain, strongroom.ReasonAnswerLost, at(5*time.Second))), true, strongroom.CodeRefreshFailed, 5 * time.Second},
		{"an expired token after a wait", expired(nil), true, strongroom.CodeRefreshFailed, time.Second},
		{"an expired token after a wait, past a back-off", expired(failing(strongroom.StatusRefreshFailing, strongroom.ReasonUnreachable, at(-time.Second))), true, strongroom.CodeRefreshFailed, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := credential(tc.edit)
			step, err := oauth.Plan(now, c, tc.tried)
			if step != oauth.Refuse || err == nil {
				t.Fatalf("the step is %d with error %v, want Refuse", step, err)
			}
			if err.Code != tc.code || err.RetryAfter != tc.retryAfter {
				t.Errorf("got %s, retry after %s; want %s, %s", err.Code, err.RetryAfter, tc.code, tc.retryAfter)
			}
			if oauth.Valid(now, c) {
				t.Error("a reader is told not to wait for a token that has expired")
			}
		})
	}
}

func TestReadsThatAreServedOrRenewFirst(t *testing.T) {
	dead := failing(strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant, nil)
	waiting := failing(strongroom.StatusRefreshFailing, strongroom.ReasonRateLimited, at(time.Hour))
	for _, tc := range []struct {
		name  string
		edit  func(*strongroom.Credential)
		tried bool
		want  oauth.Step
	}{
		{"a stale token is renewed", nil, false, oauth.Renew},
		{"an expired token is renewed", expired(nil), false, oauth.Renew},
		{"a token is stale at that very moment", func(c *strongroom.Credential) { c.Renewal.StaleAt = at(0) }, false, oauth.Renew},
		{"a token that never goes stale is served", func(c *strongroom.Credential) { c.Renewal.StaleAt = nil }, false, oauth.Serve},
		{"a fresh token is served", func(c *strongroom.Credential) { c.Renewal.StaleAt = at(1) }, false, oauth.Serve},
		{"a fresh token of a dead grant is served", func(c *strongroom.Credential) { dead(c); c.Renewal.StaleAt = at(time.Minute) }, false, oauth.Serve},
		{"a valid token of a dead grant is served", dead, false, oauth.Serve},
		{"a valid token that nothing renews is served", func(c *strongroom.Credential) { c.Renewal.NextAt = nil }, false, oauth.Serve},
		{"a token without an end is served, though it is stale", func(c *strongroom.Credential) { dead(c); c.ExpiresAt = nil }, false, oauth.Serve},
		{"a valid token is served during a back-off", waiting, false, oauth.Serve},
		{"a back-off that is over leads to a renewal", failing(strongroom.StatusRefreshFailing, strongroom.ReasonTimeout, at(0)), false, oauth.Renew},
		{"an uncertain grant is tried again when it is time", expired(failing(strongroom.StatusUncertain, strongroom.ReasonAnswerLost, at(-1))), false, oauth.Renew},
		{"an active credential is renewed before its turn when it is stale", func(c *strongroom.Credential) { c.Renewal.NextAt = at(time.Hour) }, false, oauth.Renew},
		{"a valid token is served after a wait", nil, true, oauth.Serve},
	} {
		t.Run(tc.name, func(t *testing.T) {
			step, err := oauth.Plan(now, credential(tc.edit), tc.tried)
			if step != tc.want || err != nil {
				t.Errorf("the step is %d with error %v, want %d", step, err, tc.want)
			}
		})
	}
}

func TestAValidTokenIsNeverWithheld(t *testing.T) {
	statuses := []strongroom.CredentialStatus{strongroom.StatusActive, strongroom.StatusRefreshFailing, strongroom.StatusUncertain, strongroom.StatusNeedsReauth}
	for _, status := range statuses {
		for _, next := range []*time.Time{nil, at(-time.Hour), at(time.Hour)} {
			for _, tried := range []bool{false, true} {
				step, err := oauth.Plan(now, credential(failing(status, strongroom.ReasonTimeout, next)), tried)
				if step == oauth.Refuse || err != nil {
					t.Errorf("%s, next try %v, tried %t: refused: %v", status, next, tried, err)
				}
			}
		}
	}
}

func TestWhatAStateSays(t *testing.T) {
	for _, tc := range []struct {
		name    string
		edit    func(*strongroom.Credential)
		code    strongroom.Code
		says    []string
		details map[string]any
	}{
		{
			"a dead grant asks for a person", failing(strongroom.StatusNeedsReauth, strongroom.ReasonInvalidGrant, nil),
			strongroom.CodeReauthorization, []string{"grant has ended", "connect the account again"},
			map[string]any{"status": "needs_reauth", "reason": "invalid_grant", "since": "2031-01-02T14:04:05Z", "next_try_at": nil},
		},
		{
			"an unreachable provider says when it is tried again", failing(strongroom.StatusRefreshFailing, strongroom.ReasonUnreachable, at(time.Hour)),
			strongroom.CodeRefreshFailed, []string{"cannot be reached", "tried again at 2031-01-02T16:04:05Z"},
			map[string]any{"status": "refresh_failing", "reason": "unreachable", "since": "2031-01-02T14:04:05Z", "next_try_at": "2031-01-02T16:04:05Z"},
		},
		{
			"a rejected client asks for who can correct it", failing(strongroom.StatusRefreshFailing, strongroom.ReasonClientRejected, at(time.Hour)),
			strongroom.CodeRefreshFailed, []string{"does not accept the OAuth client", "operator or an org_admin", "tried again at"},
			map[string]any{"status": "refresh_failing", "reason": "client_rejected", "since": "2031-01-02T14:04:05Z", "next_try_at": "2031-01-02T16:04:05Z"},
		},
		{
			"an uncertain grant whose time has come", failing(strongroom.StatusUncertain, strongroom.ReasonAnswerLost, at(-time.Hour)),
			strongroom.CodeRefreshFailed, []string{"answer to a renewal was lost", "try again"},
			map[string]any{"status": "uncertain", "reason": "answer_lost", "since": "2031-01-02T14:04:05Z", "next_try_at": "2031-01-02T14:04:05Z"},
		},
		{
			"an active credential that is being renewed", nil,
			strongroom.CodeRefreshFailed, []string{"being renewed", "try again"},
			map[string]any{"status": "active", "reason": nil, "since": nil, "next_try_at": "2031-01-02T15:03:05Z"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			e := oauth.StateError(now, credential(tc.edit))
			if e.Code != tc.code {
				t.Errorf("the code is %s, want %s", e.Code, tc.code)
			}
			for _, part := range tc.says {
				if !strings.Contains(e.Message, part) {
					t.Errorf("the message lacks %q: %s", part, e.Message)
				}
			}
			if len(e.Details) != len(tc.details) {
				t.Errorf("the details are %v", e.Details)
			}
			for name, want := range tc.details {
				if got, ok := e.Details[name]; !ok || got != want {
					t.Errorf("detail %s is %v, want %v", name, got, want)
				}
			}
			if (e.RetryAfter >= time.Second) != (tc.code == strongroom.CodeRefreshFailed) {
				t.Errorf("retry after %s", e.RetryAfter)
			}
		})
	}
}

func TestEveryReasonHasASentenceOfItsOwn(t *testing.T) {
	seen := map[string]strongroom.StatusReason{}
	for _, r := range []strongroom.StatusReason{
		strongroom.ReasonInvalidGrant, strongroom.ReasonAnswerLost, strongroom.ReasonNoRefreshToken, strongroom.ReasonUnreachable,
		strongroom.ReasonTimeout, strongroom.ReasonProviderError, strongroom.ReasonRateLimited, strongroom.ReasonMalformedAnswer,
		strongroom.ReasonClientRejected, strongroom.ReasonClientMissing, strongroom.ReasonBlockedAddress, strongroom.ReasonUnreadable,
		"something new",
	} {
		s := oauth.Sentence(r)
		if s == "" || strings.HasSuffix(s, ".") || strings.Contains(s, string(r)) {
			t.Errorf("%s: the sentence is %q", r, s)
		}
		if other, twice := seen[s]; twice {
			t.Errorf("%s has the sentence of %s", r, other)
		}
		seen[s] = r
	}
	if s := oauth.Sentence(""); s != "" {
		t.Errorf("no reason has the sentence %q", s)
	}
}
