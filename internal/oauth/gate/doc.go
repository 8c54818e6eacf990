// Package gate holds this process's requests to a token endpoint within limits: so many
// a second, so many at once, none while the endpoint asked to be left alone, and hardly
// any while it does not work.
//
// It owns the place of every request in its endpoint's queue, the pauses and the circuit
// breakers. It refuses to send anything: whoever passes makes the request and says how it
// ended. It knows endpoints by name only and keeps nothing of what was said.
//
//	Enter ──► paused? breaker open? ──► queue, first come first served ──► Pass ──► request ──► Leave
//	              │ ClosedError            a free place, then the rate                            │
//	              └──◄──────────────── everybody who waits is sent away ◄── pause, failures ──────┘
//
// The breaker of an endpoint:
//
//	closed ── failures in a row ──► open ── its time is over ──► half-open: one request is let through
//	   ▲                              ▲                               │
//	   │                              └── it failed: twice as long ───┤
//	   └───────────────────────────────── it was answered ────────────┘
//
// Limits are for one process: replicas do not know of each other here. What the database
// leases (one refresh of a credential at a time) is none of this package's.
package gate
