// Package oauthtest starts the real OAuth server of test/oauthserver for tests, and
// controls it.
//
// It owns the harness alone: [Start] builds the server (once per test binary), runs it in a
// process of its own and stops it with the test; the methods of [Server] make grants
// without a browser, look at them, withdraw consent, and make endpoints hold, drop, cut or
// rewrite their answers. [Server.Allow] and [Server.Deny] stand for the person at the
// browser. It refuses to decide anything itself: whether a refresh token rotates, and that
// using one twice ends the grant, is the server's own doing.
//
// Its methods end the test when the control API cannot be reached or refuses, so they are
// called from the test's goroutine. Tokens are plain strings here, because tests compare
// them with what the server says.
package oauthtest
