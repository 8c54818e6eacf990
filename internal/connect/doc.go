// Package connect lets people connect accounts at OAuth providers, and keeps the OAuth
// clients with which that is done.
//
// It owns the connection from the first click to the stored credential:
//
//	Authorize(user) ─► a flow in the database: state (its hash), the browser's key (its
//	                   hash), PKCE verifier and nonce (sealed), where to go in the end
//	      browser ───► provider ───► consent
//	Callback(state) ─► same browser? not used, not expired? ─► used up, durably
//	                ─► code for tokens ─► ID token verified ─► custody stores the credential
//	                ─► the browser goes on, with the credential's id or an error
//
// A state serves once, in the browser that began, whichever replica it comes back to. A
// callback that comes twice is answered twice the same, and the code is used once.
//
// It also finds the OAuth client for a provider: the organization's own, sealed like any
// secret, or the operator's.
//
// It refuses to send a browser anywhere that the operator has not allowed, and to tell it
// anything that the provider said but for an error's code.
package connect
