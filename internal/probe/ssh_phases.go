package probe

import (
	"sync"
	"time"

	"strongroom"
)

// The names of an SFTP test's phases.
const (
	phaseConnect     = "connect"
	phaseKeyExchange = "key_exchange"
	phaseLogin       = "login"
	phaseOperation   = "operation"
)

// sshPhases times the phases of a test. The handshake runs in the driver's goroutines, so
// that it is safe for concurrent use.
type sshPhases struct {
	clock strongroom.Clock

	mu    sync.Mutex
	took  []Phase
	now   int
	since time.Time
}

// begin ends the present phase and starts the named one. A phase that is gone through
// again, for a second host key, adds to its time.
func (p *sshPhases) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
	for i := range p.took {
		if p.took[i].Name == name {
			p.now = i
			return
		}
	}
	p.took = append(p.took, Phase{Name: name})
	p.now = len(p.took) - 1
}

// end ends the present phase and returns all of them.
func (p *sshPhases) end() []Phase {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stop()
	return p.took
}

// current returns the name of the present phase; "" before the first.
func (p *sshPhases) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.took) == 0 {
		return ""
	}
	return p.took[p.now].Name
}

// stop adds the time since the last call to the present phase. The caller holds mu.
func (p *sshPhases) stop() {
	now := p.clock.Now()
	if len(p.took) > 0 {
		p.took[p.now].Took += now.Sub(p.since)
	}
	p.since = now
}
