package httpapi

import (
	"context"
	"net/http"
	"sync"
	"time"

	"strongroom"
	"strongroom/api"
)

const (
	// readyTimeout bounds how long /readyz looks.
	readyTimeout = 3 * time.Second
	// readyFor is how long an answer of /readyz is given again. To look means to write to
	// the disk: anybody may ask, and none may make the service do that all day.
	readyFor = time.Second
)

// readiness answers whether the service can do its work now, and if not, why.
type readiness struct {
	checks []Check
	clock  strongroom.Clock

	mu     sync.Mutex
	looked time.Time
	last   api.Health
}

// ServeHTTP answers 200 where every check is well, and 503 otherwise.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	health := r.health(req.Context())
	status := http.StatusOK
	if health.Status != "ok" {
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "2")
	}
	_ = writeJSON(w, status, health)
}

// health looks, or tells what it last saw. Whoever asks meanwhile waits for the same look.
func (r *readiness) health(ctx context.Context) api.Health {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now := r.clock(); !r.looked.IsZero() && now.Sub(r.looked) < readyFor {
		return r.last
	}
	// The look is everybody's: one who hangs up does not make it fail for the others.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	r.last = api.Health{Status: "ok"}
	for _, c := range r.checks {
		check := api.HealthCheck{Name: c.Name, Status: "ok"}
		if err := c.Ready(ctx); err != nil {
			reason := err.Error()
			check.Status, check.Reason = "unavailable", &reason
			r.last.Status = "unavailable"
		}
		r.last.Checks = append(r.last.Checks, check)
	}
	r.looked = r.clock()
	return r.last
}
