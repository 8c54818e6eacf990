// Package health tests credentials at their own servers: those that are not stored yet,
// those that are when somebody asks, and all of them from time to time.
//
// It owns who is tested when, and what a result means for the next test:
//
//	TestConnection ─ policy ─ catalog.Check ──────┐
//	TestCredential ─ custody.Permit ─ Lend ───────┼─ Tester ─ foresight ─ event, and for what
//	RunDue ─ claim ─ custody.Permit ─ Lend ───────┘                       is stored its health
//
// A test that has begun goes on without whoever asked for it: what it did at the far end
// was done. Its event is durable before its result is returned, in one transaction with the
// result; a result of data that was replaced meanwhile is not kept.
//
// What works is tested again after the provider's interval. What does not is tried again
// after 5 minutes, 10, 20 and so on up to that interval. A server that refuses to let the
// service in is asked again after 1, 4, 12 and 24 hours, and then not any more, lest it lock
// the account out; a test on demand is still made, and one that succeeds begins anew, as new
// data does.
//
// Data that does not fit its schema is answered as catalog does it: the fields are under
// "body", "credentials". Where the data's members are the body itself, the HTTP layer takes
// the second step out.
//
// The package refuses to speak to servers (probe does) and to hand out anything of the data.
package health
