package gate

import (
	"container/list"
	"time"

	"golang.org/x/time/rate"
)

// endpoint is the state of one endpoint. The gate's lock guards it.
type endpoint struct {
	name     string
	lastUsed time.Time

	breaker    breaker
	concurrent int
	rate       *rate.Limiter
	// active counts the requests that were let through and have not left.
	active int
	queue  list.List // of *waiter, the first come in front
	// timer admits the next one when the rate allows it; nil: none was needed yet.
	timer *time.Timer
	// wake is what the timer calls.
	wake func()
}

// waiter is a request in the queue, until done is closed.
type waiter struct {
	endpoint *endpoint
	probe    bool
	// place is where in the queue; nil: no longer in it.
	place *list.Element
	// refused is why it was sent away; nil: it was let through.
	refused *ClosedError
	done    chan struct{}
}

func rateOf(l Limits) rate.Limit {
	if l.PerSecond > 0 {
		return rate.Limit(l.PerSecond)
	}
	return rate.Inf
}

// limit sets the limits.
func (e *endpoint) limit(l Limits, now time.Time) {
	e.concurrent = l.Concurrent
	if r := rateOf(l); e.rate.Limit() != r {
		e.rate.SetLimitAt(now, r)
	}
}

func (e *endpoint) enqueue(probe bool) *waiter {
	w := &waiter{endpoint: e, probe: probe, done: make(chan struct{})}
	w.place = e.queue.PushBack(w)
	return w
}

func (e *endpoint) dequeue(w *waiter) {
	e.queue.Remove(w.place)
	w.place = nil
}

// admit lets through whoever may be, from the front of the queue. The rate is taken only
// with a place in hand: else those whose turn has come would pile up behind a slow
// request and go all at once.
func (e *endpoint) admit(now time.Time) {
	for e.queue.Len() > 0 && hasPlace(e.active, e.concurrent) {
		if wait := e.take(now); wait > 0 {
			e.wakeAfter(wait)
			return
		}
		w := e.queue.Front().Value.(*waiter)
		e.dequeue(w)
		e.active++
		close(w.done)
	}
	if e.timer != nil {
		// Left running at a slow rate, it would keep a forgotten endpoint in memory.
		e.timer.Stop()
	}
}

func hasPlace(active, concurrent int) bool { return concurrent <= 0 || active < concurrent }

// take takes one from the rate and returns 0, or takes none and returns how long it is
// until there is one. Nobody reserves ahead: a reservation that is cancelled before a later
// one is lost.
func (e *endpoint) take(now time.Time) time.Duration {
	reservation := e.rate.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	if wait > 0 {
		reservation.CancelAt(now)
	}
	return wait
}

func (e *endpoint) wakeAfter(d time.Duration) {
	if e.timer == nil {
		e.timer = time.AfterFunc(d, e.wake)
		return
	}
	e.timer.Reset(d)
}

// sendAway refuses everybody who waits.
func (e *endpoint) sendAway(reason *ClosedError) {
	for e.queue.Len() > 0 {
		w := e.queue.Front().Value.(*waiter)
		e.dequeue(w)
		e.breaker.saw(Unknown, w.probe, time.Time{})
		w.refused = reason
		close(w.done)
	}
}
