package backup

import (
	"crypto/rand"
	"os"
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
	"strongroom/internal/store/sqlite"
	"strongroom/internal/store/storetest"
)

// benchmarkRows is how many credentials, and as many events, a backup is measured with.
const benchmarkRows = 100_000

// many yields rows of credentials, or of others, without holding them.
func many(t store.Table, n int) func(yield func(store.Row, error) bool) {
	return func(yield func(store.Row, error) bool) {
		sample := storetest.DumpRows(t, 1)[0]
		for i := range n {
			for j, c := range t.Columns {
				switch c.Name {
				case "id":
					id := [16]byte{6: 0x70, 8: 0x80, 12: byte(i >> 24), 13: byte(i >> 16), 14: byte(i >> 8), 15: byte(i)}
					sample[j] = id[:]
				case "cursor", "sequence":
					sample[j] = store.EncodeInt(int64(i + 1))
				case "sealed":
					sample[j] = make([]byte, 337) // a secret of 300 bytes
					_, _ = rand.Read(sample[j])
				}
			}
			if !yield(sample, nil) {
				return
			}
		}
	}
}

func BenchmarkBackup(b *testing.B) {
	b.Run("SQLite", func(b *testing.B) {
		db, err := sqlite.Open(b.Context(), sqlite.Options{Path: b.TempDir() + "/strongroom.db"})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		benchmarkBackup(b, db)
	})
	b.Run("PostgreSQL", func(b *testing.B) {
		d := postgrestest.New(b).Database(b)
		db, err := postgres.Open(b.Context(), postgres.Options{URL: d.OwnerURL, Whole: true})
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		benchmarkBackup(b, db)
	})
}

func benchmarkBackup(b *testing.B, db interface {
	store.Dumper
	store.Loader
}) {
	err := db.Load(b.Context(), func(tx store.LoadTx) error {
		for _, name := range []string{"installation", "organizations", "credentials", "audit_events"} {
			t, n := store.TableNamed(name), 1
			if t.Column("sealed") >= 0 || t.Column("cursor") >= 0 {
				n = benchmarkRows
			}
			if err := tx.Insert(t, many(t, n)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	dir := b.TempDir()
	clock := time.Now()
	highest := watchHeap()
	b.ResetTimer()
	rows, size := int64(0), int64(0)
	for b.Loop() {
		clock = clock.Add(time.Second)
		done, err := Create(b.Context(), CreateOptions{From: db, Directory: dir, Keys: dir + "/" + KeysName, Signer: testSigner, Clock: func() time.Time { return clock }})
		if err != nil {
			b.Fatal(err)
		}
		rows, size = rows+done.Rows, done.Bytes
		if err := os.Remove(done.Data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(size)/1e6, "MB/file")
	b.ReportMetric(highest(), "MB/heap")
}

// watchHeap returns what tells the most that the heap has held meanwhile.
func watchHeap() func() float64 {
	runtime.GC()
	stop, most := make(chan struct{}), make(chan float64)
	go func() {
		ticker := time.NewTicker(5 * time.Millisecond)
		defer ticker.Stop()
		sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
		highest := uint64(0)
		for {
			metrics.Read(sample)
			highest = max(highest, sample[0].Value.Uint64())
			select {
			case <-ticker.C:
			case <-stop:
				most <- float64(highest) / 1e6
				return
			}
		}
	}()
	return func() float64 {
		close(stop)
		return <-most
	}
}
