package health_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/health"
)

// BenchmarkDueChecks tests 10,000 credentials that are all due, each time: how many a
// second, and by how much the heap grew at most while it went on.
func BenchmarkDueChecks(b *testing.B) {
	const credentials, workers = 10_000, 16
	var offset atomic.Int64
	s := setup(b, func() time.Time { return time.Now().Add(time.Duration(offset.Load())) })
	for range credentials {
		s.create("quick")
	}
	var tested atomic.Int64
	var mu sync.Mutex
	var most, before uint64
	ended := make(chan struct{}, 1)
	service := s.another(health.Options{
		Testers: map[catalog.Test]health.Tester{catalog.TestHTTP: func(context.Context, health.Subject) strongroom.CheckResult { return works }},
		Observe: func(string, strongroom.CheckTrigger, strongroom.CheckResult, time.Duration) {
			n := tested.Add(1)
			if n%1000 == 0 {
				mu.Lock()
				most = max(most, heap())
				mu.Unlock()
			}
			if n%credentials == 0 {
				ended <- struct{}{}
			}
		},
	})
	before = heap()
	for b.Loop() {
		offset.Add(int64(2 * every))
		ctx, cancel := context.WithCancel(b.Context())
		stopped := make(chan struct{})
		go func() { service.RunDue(ctx, workers); close(stopped) }()
		<-ended
		cancel()
		<-stopped
	}
	b.ReportMetric(float64(tested.Load())/b.Elapsed().Seconds(), "tests/s")
	b.ReportMetric(float64(max(most, before)-before)/(1<<20), "MB")
}

// heap is how many bytes are in use once what is not has been collected.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
