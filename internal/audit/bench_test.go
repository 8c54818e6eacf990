package audit_test

import (
	"context"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// nowhere keeps nothing, to measure the log without a database.
type nowhere struct{ store.Tx }

func (n nowhere) Write(_ context.Context, fn func(store.Tx) error) error { return fn(n) }

func (nowhere) AppendAudit([]store.AuditRecord, store.AuditHead) error { return nil }
func (nowhere) UncheckpointedHeads() ([]store.AuditHead, error)        { return nil, nil }

func BenchmarkRecordParallel(b *testing.B) {
	b.Run("no store", func(b *testing.B) { benchmarkRecord(b, nowhere{}) })
	b.Run("sqlite", func(b *testing.B) { benchmarkRecord(b, openSQLite(b, filepath.Join(b.TempDir(), "log.db"))) })
}

// benchmarkRecord records from 64 callers at once and reports how many events share
// a commit.
func benchmarkRecord(b *testing.B, s audit.Writer) {
	const callers = 64
	var batches, events atomic.Int64
	l, err := audit.Open(b.Context(), audit.Options{
		Store: s, Signer: signer, Process: "benchmark",
		Observe: func(n int, _ time.Duration, _ error) { batches.Add(1); events.Add(int64(n)) },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetParallelism((callers + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0))
	b.ResetTimer()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if err := l.Record(b.Context(), read("01K8KABR6S16YETA2SZPVBS9SP")); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(events.Load())/float64(batches.Load()), "events/commit")
	if err := l.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
}
