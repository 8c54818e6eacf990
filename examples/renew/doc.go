// Command renew is a renewal service that fetches an OAuth credential's refresh token to
// renew it, and is told why it need not.
//
//	STRONGROOM_URL=http://127.0.0.1:8080 STRONGROOM_KEY=saf_… \
//	  go run ./examples/renew [-force] CREDENTIAL_ID
//
// Strongroom renews tokens by itself, ahead of their end and before it hands them out. Where
// refresh tokens rotate, each can be used once: renewing at the provider, behind Strongroom's
// back, leaves Strongroom with one that was used already, and when that one comes the
// provider ends the whole grant. So renew says what it got and until when it is valid, and
// leaves the refresh token unused.
//
// With -force it asks Strongroom to renew the token now, and shows that the version and the
// end have moved. The service account needs a grant to write for that; and one that has
// grants sees refresh tokens only if one of them says so.
//
// It exits with 0, with 1 and a sentence where the credential cannot be had or renewed (a
// person has to sign in again, say), and with 2 where it was called wrongly.
package main
