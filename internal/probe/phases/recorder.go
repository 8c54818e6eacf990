package phases

import (
	"slices"
	"sync"
	"time"

	"strongroom"
)

// Recorder times the phases of one test. It is safe for concurrent use, since drivers and
// net/http connect in goroutines of their own.
type Recorder struct {
	clock strongroom.Clock

	mu   sync.Mutex
	took []strongroom.CheckPhase
	// now is the index of the present phase; -1: there is none.
	now   int
	since time.Time
}

// New returns a Recorder in no phase yet.
func New(clock strongroom.Clock) *Recorder { return &Recorder{clock: clock, now: -1} }

// Begin ends the present phase and starts the named one. A phase that is gone through
// again, as for a second connection, adds to its time and keeps its place.
func (r *Recorder) Begin(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop()
	r.now = slices.IndexFunc(r.took, func(p strongroom.CheckPhase) bool { return p.Name == name })
	if r.now < 0 {
		r.took = append(r.took, strongroom.CheckPhase{Name: name})
		r.now = len(r.took) - 1
	}
}

// End returns the phases that were begun, in order, each with its time up to now. What is
// begun afterwards does not change them.
func (r *Recorder) End() []strongroom.CheckPhase {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stop()
	return slices.Clone(r.took)
}

// Current returns the name of the phase that was begun last; "" before the first.
func (r *Recorder) Current() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now < 0 {
		return ""
	}
	return r.took[r.now].Name
}

// stop adds the time since the last call to the present phase. The caller holds mu.
func (r *Recorder) stop() {
	now := r.clock()
	if r.now >= 0 {
		r.took[r.now].Took += now.Sub(r.since)
	}
	r.since = now
}
