// Command oauthserver is a real OAuth 2.0 and OpenID Connect provider for tests, which
// can be told to fail.
//
// It owns two listeners on loopback ports of its choosing. The PUBLIC one is what any
// provider has: discovery, an HTML login and consent, token, revocation, userinfo and
// key set, decided by ory/fosite over a store in memory. The CONTROL one is for the test
// that started it: it makes grants without a browser, looks at them, withdraws consent,
// and sets how endpoints behave from now on.
//
//	                   ┌ counted ► faults ► /authorize /token /revoke /userinfo … ► fosite ► store
//	client ► PUBLIC ───┘              ▲                                                       ▲
//	test ──► CONTROL ── /behaviour /held /release ── /grants /check /stats … ─────────────────┘
//
// It prints one line when it listens, {"url": …, "control": …}, and ends with its standard
// input or on SIGTERM. It refuses to be anything but a test's: nothing is kept, every user
// name may log in without a password, client secrets are constants, and it listens on
// loopback alone. It knows nothing of the product; its module is its own so that the
// product's dependencies stay few.
//
// # Grants
//
// A grant is everything that was issued on the strength of one consent. Refresh tokens
// rotate: a used one names its grant for ever, and presenting it again ends the grant with
// all its tokens (RFC 9700, section 4.14.2). The token requests of one grant are processed
// one at a time, so that two with the same refresh token are never both served. An access
// token outlives the rotation until it expires, as with the large providers; POST
// /rotation makes it end there instead, or refresh tokens stay the same for ever.
//
// # Control
//
//	POST /grants              {client_id?, username, scopes?, access_lifetime_seconds?, count?}
//	GET  /grants/{id}
//	POST /grants/{id}/revoke  the user withdraws consent
//	POST /check               {access_token} → {active, grant_id}
//	GET  /stats, POST /reset-stats
//	POST /behaviour           {mode, endpoint?, grant_id?, times?, …}: see behaviour
//	GET  /held?count=&timeout_seconds=&grant_id=
//	POST /release             {grant_id?, count?} → {released}, once those are processed
//	POST /lifetimes           {access_seconds?, refresh_seconds?}: of tokens issued from now on
//	POST /rotation            {refresh_tokens?: rotate|keep, access_tokens?: keep|revoke}
//	POST /rotate-keys         {algorithm?: ES256|RS256}: a new ID token key, the old one gone
//	POST /redirect-uris       {add: […]}
package main
