// Package oauth decides everything about OAuth 2.0 that can be decided without a network:
// when a token has to be renewed, what a token endpoint has said, and what of its answer is
// kept.
//
//	metadata ──► Plan ──► serve, renew, or refuse with an error that says what to do
//
//	definition, variables ──► Fill ──► AuthorizationURL ──► browser
//
//	answer of the token endpoint ──► Classify ──► Renewed ──► Merge, ExpiresAt, Schedule
//	no answer ──► ClassifyFailure ──┘      └────► Dead, Transient, Misconfigured, Uncertain
//	                                                  └──► Backoff
//
// Its decisions are functions of their arguments: the time and the jitter are given, and
// the only randomness of its own is that of verifiers and states (crypto/rand).
//
// It refuses to guess in favour of a token: what is no token response (RFC 6749, section
// 5.1) is never kept as one; a grant is called dead only where the provider says so in a
// code that is known; and a lifetime that nobody names is never taken for endless. Nothing
// it returns as an error quotes an answer. The requests are made by package endpoint.
package oauth
