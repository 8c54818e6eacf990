// Package identity turns what a request presents into a [strongroom.Principal].
//
// It owns the form of API keys, the verification of JSON Web Tokens (RFC 7519), and
// the keys of those who issue them:
//
//	Authorization, X-API-Key ──► one credential, or 401
//	     ├─ saf_…   shape, checksum ──► look-up by SHA-256 ──► account active, key not
//	     │          expired ──► service account (system: X-Organization-ID, or 400)
//	     └─ JWT     iss chooses the issuer ──► signature by its keys ──► exp, nbf, iat,
//	                iss, aud ──► claims ──► user
//	issuer's keys   a shared secret, or a JWKS (RFC 7517): cached, refreshed in the
//	                background, fetched anew for an unknown key at most every 30 s
//
// It refuses to guess: two credentials, an algorithm other than the issuer's, a claim
// of the wrong type are all 401. What could not be looked up is never called bad: a
// database or issuer that is out of reach is a 503. It decides who calls and nothing
// about what they may do, knows no database but by interface, and never puts a
// credential into an error or a log.
package identity
