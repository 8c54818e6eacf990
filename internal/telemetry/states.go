package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"strongroom"
)

// States is a collector of how many credentials are in which state. They are counted when
// the metrics are read, and not again within countEvery.
type States struct {
	// Count counts them.
	Count func(ctx context.Context) ([]strongroom.HealthCount, error)
	Clock strongroom.Clock
	Log   *slog.Logger

	mu      sync.Mutex
	counted time.Time
	counts  []strongroom.HealthCount
}

const (
	// countEvery spares the database where several scrapers, or impatient ones, ask.
	countEvery   = time.Minute
	countTimeout = 5 * time.Second
)

var statesDesc = prometheus.NewDesc(namespace+"_credentials", "Live credentials by provider, status and what their last test found.", []string{"provider", "status", "health"}, nil)

// ObserveStates adds the collector to the metrics.
func (m *Metrics) ObserveStates(s *States) { m.registry.MustRegister(s) }

// Describe implements prometheus.Collector.
func (s *States) Describe(to chan<- *prometheus.Desc) { to <- statesDesc }

// Collect implements prometheus.Collector. While the database is away there are no
// numbers, rather than old ones.
func (s *States) Collect(to chan<- prometheus.Metric) {
	for _, c := range s.current() {
		health := string(c.Health)
		if c.Health == strongroom.HealthUnknown {
			health = "unknown"
		}
		to <- prometheus.MustNewConstMetric(statesDesc, prometheus.GaugeValue, float64(c.Count), c.Provider, string(c.Status), health)
	}
}

func (s *States) current() []strongroom.HealthCount {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock()
	if !s.counted.IsZero() && now.Sub(s.counted) < countEvery {
		return s.counts
	}
	ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
	defer cancel()
	counts, err := s.Count(ctx)
	if err != nil {
		s.Log.Warn("the credentials' states cannot be counted for the metrics", "error", err)
		counts = nil
	}
	s.counted, s.counts = now, counts
	return counts
}
