// Package web tests credentials that are a token or a key and are shown over HTTP: to
// Microsoft Graph, to an OAuth provider's userinfo endpoint, or to any API.
//
//	Graph ........ GET /me, /organization or a site ─────────────┐
//	ClientSecret . POST token (client credentials) ─► GET a site ┤
//	UserInfo ..... GET the definition's userinfo endpoint ───────┼─► CheckResult
//	API .......... GET test_url with the key in its place ───────┘
//
//	data ─► request ─► dns ─► connect ─► tls ─► login ─► operation
//	  │        └─ no secret goes over plain HTTP, but to this machine
//	  └─ what cannot work is said without connecting
//
// It owns what these requests look like, and what a status or a provider's error code
// means as a sentence that a person can act on. The request for a token is package entra's.
//
// It refuses to follow redirects, which would carry the secret elsewhere, to ask twice, and
// to read more than 1 MiB of an answer. It repeats no word of a provider's: error codes
// are looked up in tables, numbers are shown where they are numbers, and what is told of an
// account or a site is bounded, cleaned, and left out where it holds what was sent.
package web
