package gate

import (
	"cmp"
	"container/list"
	"context"
	"fmt"
	"sync"
	"time"

	"strongroom"
)

const (
	// failuresToOpen and openFor are the breaker's unless told.
	failuresToOpen = 5
	openFor        = 30 * time.Second
	// maxOpen bounds how long a breaker stays open while its probes fail.
	maxOpen = 10 * time.Minute
	// maxPause bounds what an endpoint may ask for: a Retry-After of a year, by mistake or
	// not, must not end every refresh.
	maxPause = time.Hour
	// probeWait is when to come back while a probe is under way.
	probeWait = time.Second
)

// Limits bound the requests to one endpoint; 0: no limit.
type Limits struct {
	// PerSecond is how many are let through a second, evenly spaced: there is no burst.
	PerSecond float64
	// Concurrent is how many are under way at once.
	Concurrent int
}

// Result says what a request taught about its endpoint.
type Result int

const (
	// Unknown: nothing; the caller gave up before the endpoint could.
	Unknown Result = iota
	// Answered: the endpoint works, whatever it said; a 400 and a 429 are answers.
	Answered
	// Failed: a 5xx, a time-out, no connection, or an answer that is not the endpoint's.
	Failed
)

// Reason says why an endpoint is not asked.
type Reason string

const (
	// Paused: it asked to be left alone.
	Paused Reason = "paused"
	// Open: it failed again and again, and its breaker is open.
	Open Reason = "open"
)

// ClosedError says that an endpoint is not asked now.
type ClosedError struct {
	// Until is when to come back.
	Until  time.Time
	Reason Reason
}

// Error says why and until when; it does not name the endpoint.
func (e *ClosedError) Error() string {
	until := e.Until.UTC().Format(time.RFC3339)
	if e.Reason == Paused {
		return "the token endpoint asked for a pause; it is asked again after " + until
	}
	return "the token endpoint failed several times in a row; it is asked again after " + until
}

// Options make a Gate.
type Options struct {
	// FailuresToOpen is how many requests fail in a row until the breaker opens; default 5.
	FailuresToOpen int
	// OpenFor is how long it stays open at first; default 30 s. It doubles with every probe
	// that fails, up to 10 min.
	OpenFor time.Duration
}

// Gate keeps the state of every endpoint that was asked lately. It is safe for
// concurrent use.
type Gate struct {
	clock    strongroom.Clock
	failures int
	openFor  time.Duration

	mu sync.Mutex
	// byName and recent hold the same endpoints; in recent the last used is in front.
	byName map[string]*list.Element
	recent *list.List // of *endpoint
}

// New returns a Gate at which nobody waits.
func New(clock strongroom.Clock, o Options) *Gate {
	return &Gate{
		clock: clock, failures: cmp.Or(o.FailuresToOpen, failuresToOpen), openFor: min(cmp.Or(o.OpenFor, openFor), maxOpen),
		byName: map[string]*list.Element{}, recent: list.New(),
	}
}

// Enter returns a Pass for one request to the endpoint. It waits for its place as long as
// ctx lasts, and then returns ctx's error; first come, first served. Where the endpoint is
// paused, its breaker open, or a probe under way, it returns a *ClosedError at once, and
// so it does when that comes about while it waits. The limits given last hold for everybody.
//
// Every Pass must be left, whatever happens: a place that is not given back is lost until
// the process ends. Defer its Leave.
func (g *Gate) Enter(ctx context.Context, name string, l Limits) (*Pass, error) {
	if err := ctx.Err(); err != nil {
		return nil, waitEnded(err)
	}
	g.mu.Lock()
	now := g.clock()
	e := g.use(name, now)
	e.limit(l, now)
	probe, err := e.breaker.admit(now)
	if err != nil {
		g.mu.Unlock()
		return nil, err
	}
	w := e.enqueue(probe)
	e.admit(now)
	g.mu.Unlock()

	select {
	case <-w.done:
	case <-ctx.Done():
		g.abandon(w)
		return nil, waitEnded(ctx.Err())
	}
	if w.refused != nil {
		return nil, w.refused
	}
	return &Pass{gate: g, endpoint: e, probe: probe}, nil
}

func waitEnded(err error) error {
	return fmt.Errorf("waiting for a place at the token endpoint: %w", err)
}

// abandon takes back what a waiter has, a place it was given meanwhile included.
func (g *Gate) abandon(w *waiter) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.clock()
	e := w.endpoint
	switch {
	case w.refused != nil:
		return
	case w.place != nil:
		e.dequeue(w)
	default:
		e.active--
	}
	e.breaker.saw(Unknown, w.probe, now)
	e.admit(now)
}

// Pass is the permission to make one request.
type Pass struct {
	gate     *Gate
	endpoint *endpoint
	probe    bool
	left     bool
}

// Leave ends the request and says how it went. Where pauseUntil is not zero (a 429 or 503
// with Retry-After), no request is let through to the endpoint until then, or for an
// hour if that is less. Only the first call counts.
func (p *Pass) Leave(r Result, pauseUntil time.Time) {
	g := p.gate
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.left {
		return
	}
	p.left = true
	now := g.clock()
	e := p.endpoint
	g.touch(e, now)
	e.active--
	e.breaker.saw(r, p.probe, now)
	e.breaker.pause(pauseUntil, now)
	if closed := e.breaker.closed(now); closed != nil {
		e.sendAway(closed)
	}
	e.admit(now)
}
