// Package examples holds three programs that use Strongroom as it is meant to be used, and
// the tests that run them.
//
// They own nothing: each fetches a credential with a service account's key through package
// client, uses it, and forgets it. None of them prints a secret or writes one to a file.
// Each is small, so that it can be copied, and imports nothing of Strongroom's own inside.
package examples
