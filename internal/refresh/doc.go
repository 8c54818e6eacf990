// Package refresh renews OAuth tokens: once, however many ask, in this process and in
// others, and so that a kill at any moment loses no refresh token in silence.
//
// It owns one attempt from door to door:
//
//	Renew(credential)
//	  ├─ flight ........... one in this process; who else asks waits for its end
//	  ├─ RenewalState ..... read anew: is it still due? does somebody hold the lease?
//	  ├─ prepare .......... open the data, choose the client, find the endpoint
//	  ├─ gate ............. the provider's limits, pauses, circuit breaker
//	  ├─ LeaseRenewal ..... durable: "an attempt has begun", with a fence; only if nothing has moved
//	  ├─ the exchange ..... outside of any transaction, with a deadline shorter than the lease
//	  └─ EndRenewal ....... new data, or what went wrong, and the event: compare-and-swap on
//	                        version and fence, tried again as long as the new token is held
//
// An attempt that has begun and whose lease has ended without an end was cut off. Where the
// provider replaces refresh tokens, nobody knows then which one is good: the credential is
// uncertain until the next attempt tells.
//
// It refuses to know who asks (custody decides that) and over which wire the provider is
// spoken to (oauth/endpoint does).
package refresh
