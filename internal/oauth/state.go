package oauth

import (
	"time"

	"strongroom"
)

// sentences say what a reason means, to people.
var sentences = map[strongroom.StatusReason]string{
	strongroom.ReasonInvalidGrant:    "The provider says that this grant has ended: it was revoked, it has expired, or a password was changed",
	strongroom.ReasonAnswerLost:      "The provider's answer to a renewal was lost, so that the refresh token may have been replaced by one that never arrived",
	strongroom.ReasonNoRefreshToken:  "The access token has expired and there is no refresh token",
	strongroom.ReasonUnreachable:     "The provider cannot be reached",
	strongroom.ReasonTimeout:         "The provider did not answer in time",
	strongroom.ReasonProviderError:   "The provider answered with a failure of its own",
	strongroom.ReasonRateLimited:     "The provider is asked too often and wants to be asked later",
	strongroom.ReasonMalformedAnswer: "The provider answered with something that is no token response",
	strongroom.ReasonClientRejected:  "The provider does not accept the OAuth client or the request as it is configured",
	strongroom.ReasonClientMissing:   "No OAuth client is configured for the provider",
	strongroom.ReasonBlockedAddress:  "The provider's address is one that may not be called",
	strongroom.ReasonUnreadable:      "The stored token cannot be opened at the moment",
}

// remedies say who has to do something about a reason that no later try helps against.
var remedies = map[strongroom.StatusReason]string{
	strongroom.ReasonClientRejected: "; the operator or an org_admin has to correct that",
	strongroom.ReasonClientMissing:  "; the operator or an org_admin has to set one",
	strongroom.ReasonBlockedAddress: "; the operator may allow it with --allow-addresses",
}

// Sentence says what the reason means, for the metadata's refresh_error; "" for no reason.
func Sentence(r strongroom.StatusReason) string {
	if s, ok := sentences[r]; ok || r == "" {
		return s
	}
	return "The token could not be renewed"
}

// StateError returns the error that a credential's state stands for:
// CodeReauthorization for one that needs a person, CodeRefreshFailed with a RetryAfter of
// at least a second for every other. Its message says what to do, and its Details have
// "status", "reason", "since" and "next_try_at" (RFC 3339 in UTC; nil where there is none).
func StateError(now time.Time, c strongroom.Credential) *strongroom.Error {
	return explain(now, c, c.Status == strongroom.StatusNeedsReauth)
}

// explain makes the error; ended says that no later try helps.
func explain(now time.Time, c strongroom.Credential, ended bool) *strongroom.Error {
	r := c.Renewal
	e := &strongroom.Error{Details: map[string]any{
		"status": string(c.Status), "reason": nil, "since": moment(r.Since), "next_try_at": moment(r.NextAt),
	}}
	if r.Reason != "" {
		e.Details["reason"] = string(r.Reason)
	}
	if ended {
		e.Code, e.Message = strongroom.CodeReauthorization, endedMessage(r.Reason)
		return e
	}
	e.Code, e.RetryAfter = strongroom.CodeRefreshFailed, soon
	e.Message = "The token is being renewed and was not ready in time"
	if r.Reason != "" {
		e.Message = Sentence(r.Reason) + remedies[r.Reason]
	}
	if r.NextAt == nil || !r.NextAt.After(now) {
		e.Message += "; try again"
		return e
	}
	e.RetryAfter = max(soon, r.NextAt.Sub(now))
	e.Message += "; the renewal is tried again at " + r.NextAt.UTC().Format(time.RFC3339)
	return e
}

func endedMessage(r strongroom.StatusReason) string {
	if r == "" {
		r = strongroom.ReasonNoRefreshToken
	}
	return Sentence(r) + "; connect the account again or store new data"
}

// moment returns a time as the details have it.
func moment(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UTC().Format(time.RFC3339)
}
