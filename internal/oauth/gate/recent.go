package gate

import (
	"time"

	"golang.org/x/time/rate"
)

const (
	// keepIdle is how long an endpoint that nobody asks is remembered: no pause and no open
	// breaker lasts longer.
	keepIdle = max(maxPause, maxOpen)
	// maxEndpoints bounds the memory; beyond it the longest unused endpoint at which nobody
	// is goes, whatever is known of it.
	maxEndpoints = 4096
)

// use returns the endpoint's state, new where there is none, as the last used one.
func (g *Gate) use(name string, now time.Time) *endpoint {
	if found, ok := g.byName[name]; ok {
		e := found.Value.(*endpoint)
		g.touch(e, now)
		return e
	}
	g.forget(now)
	e := &endpoint{
		name: name, lastUsed: now,
		breaker: breaker{threshold: g.failures, base: g.openFor},
		rate:    rate.NewLimiter(rate.Inf, 1),
	}
	e.wake = func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		e.admit(g.clock())
	}
	g.byName[name] = g.recent.PushFront(e)
	return e
}

func (g *Gate) touch(e *endpoint, now time.Time) {
	e.lastUsed = now
	g.recent.MoveToFront(g.byName[e.name])
}

// forget drops what was not used for keepIdle, and makes room for one more.
func (g *Gate) forget(now time.Time) {
	for at := g.recent.Back(); at != nil; {
		e, newer := at.Value.(*endpoint), at.Prev()
		if now.Sub(e.lastUsed) < keepIdle && g.recent.Len() < maxEndpoints {
			return
		}
		if e.active == 0 && e.queue.Len() == 0 {
			g.recent.Remove(at)
			delete(g.byName, e.name)
		}
		at = newer
	}
}
