// Package oauth holds the service to its promise that OAuth tokens never go stale in
// silence.
//
// It owns the tests of renewal over the whole service, at a real OAuth server in a process
// of its own, which rotates refresh tokens and ends a grant whose old one is used again:
//
//	readers ──► service (here, or in up to three processes on one database) ──► OAuth server
//	            clock and audit log: faulty where a test says so               holds, drops, refuses
//
//	once ........ however many read, in however many processes: one exchange
//	answers ..... what the provider may say, and what the credential becomes by it
//	failing ..... back-off, pauses, the breaker; what still works is served meanwhile
//	lost ........ kills, panics, writes that fail: no refresh token is lost in silence
//	ahead ....... what is due is renewed though nobody reads
//	addresses ... token endpoints lead to no internal address
//	record ...... every attempt is in the audit log, and no token is
//
// It refuses stand-ins for the provider, the database and the network. A fake stands only
// where the real part cannot be made to fail on time: a clock that is told when to go on, an
// audit log that takes no write, an exchange that panics.
package oauth
