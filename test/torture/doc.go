// Package torture kills, cuts and slows the renewal of OAuth tokens, over the whole service
// and against a real OAuth server, and looks what has become of the grant.
//
// It owns one promise: a kill at any moment, or anything that a network or a provider may
// do, costs the grant only where the answer of a request that the provider has granted was
// lost, and then the credential says so. A round is
//
//	an OAuth server that misbehaves ◄── a service that kills itself at one step
//	          │                                  (or is killed while its request is out)
//	          ▼                                           │ the same database
//	what the provider has granted ────► verdict ◄── a healthy service goes on
//
// and the verdict compares what the provider knows with what the service says:
//
//	nothing was granted and lost ... active, the grant alive, what is served works
//	granted, and the answer lost ... needs_reauth because of answer_lost, and not one request
//	                                 more; where refresh tokens stay the same: active
//
// It refuses stand-ins: processes die by SIGKILL, the database is a file that the next
// process recovers, the provider rotates and detects reuse by itself. Only the lease of a
// process that is going to die is shortened, so that nobody waits half a minute for its end.
//
//	go test ./test/torture -run Torture -rounds 500 -timeout 60m
//
// makes that many rounds, the named ones first and then drawn by lot; -seed repeats a run.
package torture
