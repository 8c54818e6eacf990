package gate

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
