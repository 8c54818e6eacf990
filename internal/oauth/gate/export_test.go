package gate

import "time"

// Remembered returns how many endpoints the gate knows.
func (g *Gate) Remembered() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.byName) != g.recent.Len() {
		panic("byName and recent hold different endpoints")
	}
	return len(g.byName)
}

// MaxEndpoints is how many a gate may know.
const MaxEndpoints = maxEndpoints

// Saturated tells whether a new request would have to wait, or be refused, now: for tests,
// which have no other way to look without asking.
func (g *Gate) Saturated(name string, l Limits) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	found, ok := g.byName[name]
	return ok && found.Value.(*endpoint).saturated(l, g.clock())
}

func (e *endpoint) saturated(l Limits, now time.Time) bool {
	return e.breaker.closed(now) != nil || e.breaker.probing || e.queue.Len() > 0 || !hasPlace(e.active, l.Concurrent) ||
		l.PerSecond > 0 && e.rate.TokensAt(now) < 1
}
