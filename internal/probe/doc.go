// Package probe finds out whether a connection works, as far as the work that it is for:
// it connects, signs in, and does what the credential exists to do.
//
// It owns the tests of each kind of server, the sentences in which they fail, and what is
// learnt on the way (a server's version, its host key). A test goes through phases, and the
// one it fails in says the most:
//
//	check ─► connect ─► key_exchange ─► login ─► operation ─► Result
//	  │         │            │            │          │
//	  │      dns, refused  host_key     auth     permission     timeout: any of them
//	  │      blocked       protocol              protocol
//	  └─ what cannot work is said without connecting
//
// WithSFTP and WithPostgreSQL go as far as the login and hand the connection to somebody
// else's work, which a rotation is; the tests are made of them.
//
// Every connection is dialled through internal/outbound. Every test has a deadline that
// holds in each phase, and a bound on what it reads. An SSH server's key is judged before
// anything is sent that signs in; a server whose key is another than the pinned one, or
// than that of the first connection, learns neither the user name nor the password. One
// that lets the user in without asking for anything has not proved the credential, and the
// test fails.
//
// It refuses to hand on words of others: a Result's message is a sentence of its own and
// holds no driver's error, no server's banner and no secret. It imports neither store nor
// custody: what is tested comes decrypted from the caller, who also keeps the result.
package probe
