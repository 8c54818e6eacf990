// Package apptest starts the whole service for tests: the real parts over a database of
// their own, answering on a real port.
//
// It owns the harness alone: [Start] runs a service within the test, [StartProcess] in a
// process of its own that can be killed, and [Client] calls either. It refuses to stand in
// for any part: what is tested through it is what runs in production, unless a test puts
// a faulty part in a good one's place ([Service.Opened]).
package apptest
