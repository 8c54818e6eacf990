// Package endpoint asks OAuth providers: for tokens, for where their endpoints are, for
// whose account it is, and to revoke.
//
//	Resolve ............ metadata (RFC 8414, OpenID Connect Discovery 1.0), remembered
//	Exchange, Refresh,
//	ClientCredentials .. one POST to the token endpoint ──► oauth.Answer
//	Revoke ............. one POST (RFC 7009)
//	Email .............. one GET to the userinfo endpoint
//	VerifyIDToken ...... signature by the provider's keys, remembered, and every claim
//
// It owns how a request looks, and what it means that there is no answer: whether anything
// was sent, and in which of a few known ways it failed. What an answer means is decided by
// package oauth, how often may be asked by package gate, and whether an address may be
// called at all by the HTTP client it is given.
//
// It refuses to send anything twice or elsewhere: requests are not repeated (a refresh
// token that is used twice ends its grant) and redirects not followed. It reads at most
// 256 KiB of any answer. Its errors and its log hold sentences of its own alone: nothing
// of an address's query, of a header or of a body.
package endpoint
