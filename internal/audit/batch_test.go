package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// gate holds transactions back at their beginning until it is opened.
type gate struct {
	held chan struct{}
	once sync.Once
}

// hold makes every transaction of m wait. The test must call open.
func hold(m *memory) *gate {
	g := &gate{held: make(chan struct{})}
	m.setFault(func(s stage) error {
		if s == atBegin {
			<-g.held
		}
		return nil
	})
	return g
}

func (g *gate) open() { g.once.Do(func() { close(g.held) }) }

func TestEventsThatComeTogetherShareACommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		var batches []int
		l := open(t, m, func(o *audit.Options) {
			o.Observe = func(events int, _ time.Duration, err error) {
				if err != nil {
					t.Errorf("a batch failed: %v", err)
				}
				batches = append(batches, events)
			}
		})
		before := m.writes
		g := hold(m)
		first := make(chan error, 1)
		go func() { first <- l.Record(context.Background(), read("first")) }()
		synctest.Wait()
		outcomes := make(chan map[string]error)
		go func() { outcomes <- recordAll(context.Background(), l, "e", 100) }()
		synctest.Wait()
		g.open()
		if err := <-first; err != nil {
			t.Error(err)
		}
		for id, err := range <-outcomes {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		if got := m.writes - before; got != 2 {
			t.Errorf("%d commits for 101 events, want the first's and one for the rest", got)
		}
		closeLog(t, l)
		if got, want := fmt.Sprint(batches), "[1 1 100 1]"; got != want {
			t.Errorf("observed batches %s, want %s", got, want)
		}
		if got := recorded(t, m); len(got) != 103 || got["first"] != 1 || got["e99"] != 1 {
			t.Errorf("recorded %v", got)
		}
		mustBeWhole(t, m)
	})
}

func TestABatchIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		largest := 0
		l := open(t, m, func(o *audit.Options) {
			o.Observe = func(events int, _ time.Duration, _ error) { largest = max(largest, events) }
		})
		g := hold(m)
		outcomes := make(chan map[string]error)
		go func() { outcomes <- recordAll(context.Background(), l, "e", 3000) }()
		synctest.Wait()
		g.open()
		for id, err := range <-outcomes {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		closeLog(t, l)
		if largest != 256 {
			t.Errorf("the largest batch has %d events, want 256", largest)
		}
		if got := recorded(t, m); len(got) != 3002 {
			t.Errorf("%d different events, want 3002", len(got))
		}
		mustBeWhole(t, m)
	})
}

func TestAChangeThatFailsFailsAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		g := hold(m)
		own := &strongroom.Error{Code: strongroom.CodeConflict, Message: "taken"}
		results := map[string]chan error{}
		commit := func(name string, change func(store.Tx) ([]strongroom.Event, error)) {
			results[name] = make(chan error, 1)
			go func() { results[name] <- l.Commit(context.Background(), change) }()
			synctest.Wait()
		}
		commit("good", func(store.Tx) ([]strongroom.Event, error) { return []strongroom.Event{read("good")}, nil })
		commit("failing", func(tx store.Tx) ([]strongroom.Event, error) {
			_ = tx.EnsureOrganization(organization, time.Time{})
			return []strongroom.Event{read("failing")}, own
		})
		commit("stale", func(store.Tx) ([]strongroom.Event, error) { return nil, store.ErrStale })
		commit("panicking", func(tx store.Tx) ([]strongroom.Event, error) {
			_ = tx.EnsureOrganization(organization, time.Time{})
			panic("canary-secret")
		})
		commit("crashing", func(store.Tx) ([]strongroom.Event, error) {
			var none map[string]int
			//lint:ignore SA5000 it panics on purpose
			none["x"] = 1
			return nil, nil
		})
		commit("last", func(store.Tx) ([]strongroom.Event, error) { return []strongroom.Event{read("last")}, nil })
		g.open()

		for _, name := range []string{"good", "last"} {
			if err := <-results[name]; err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := <-results["failing"]; err != error(own) {
			t.Errorf("failing: %v, want its own error unchanged", err)
		}
		if err := <-results["stale"]; err != store.ErrStale {
			t.Errorf("stale: %v, want its own error unchanged", err)
		}
		if err := <-results["panicking"]; err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("panicking: %v, want an error without what the panic said", err)
		}
		if err := <-results["crashing"]; err == nil || !strings.Contains(err.Error(), "nil map") {
			t.Errorf("crashing: %v, want the runtime's error", err)
		}
		closeLog(t, l)
		if got := recorded(t, m); got["good"] != 1 || got["last"] != 1 || len(got) != 4 {
			t.Errorf("recorded %v", got)
		}
		if len(m.snapshot().organizations) != 0 {
			t.Error("a change that failed was kept")
		}
		mustBeWhole(t, m)
	})
}

func TestACallerWhoLeavesBeforeItsTurnIsSkipped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		g := hold(m)
		first := make(chan error, 1)
		go func() { first <- l.Record(context.Background(), read("first")) }()
		synctest.Wait()

		ctx, cancel := context.WithCancel(context.Background())
		gone := make(chan error, 2)
		go func() { gone <- l.Record(ctx, read("gone")) }()
		go func() {
			gone <- l.Commit(ctx, func(store.Tx) ([]strongroom.Event, error) {
				t.Error("the change of a caller who left ran")
				return []strongroom.Event{read("gone")}, nil
			})
		}()
		synctest.Wait()
		cancel()
		for range 2 {
			if err := <-gone; !errors.Is(err, context.Canceled) {
				t.Errorf("got %v, want context.Canceled", err)
			}
		}
		g.open()
		if err := <-first; err != nil {
			t.Error(err)
		}
		mustRecord(t, l, "after")
		closeLog(t, l)
		if got := recorded(t, m); got["gone"] != 0 || got["first"] != 1 || got["after"] != 1 {
			t.Errorf("recorded %v", got)
		}
		mustBeWhole(t, m)
	})
}

func TestACallerWhoLeavesDuringTheCommitIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		committing := make(chan struct{})
		m.setFault(func(s stage) error {
			if s == atCommit {
				<-committing
			}
			return nil
		})
		ctx, cancel := context.WithCancel(context.Background())
		left := make(chan error, 1)
		go func() { left <- l.Record(ctx, read("unknown")) }()
		synctest.Wait()
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want context.Canceled", err)
		}
		close(committing)
		mustRecord(t, l, "after")
		closeLog(t, l)
		if got := recorded(t, m); got["unknown"] != 1 || got["after"] != 1 {
			t.Errorf("recorded %v; what was being written is kept", got)
		}
		mustBeWhole(t, m)
	})
}

func TestCommitDoesNotReturnWhileItsChangeRuns(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	running := 0 // the race detector sees a change that runs on
	err := l.Commit(ctx, func(store.Tx) ([]strongroom.Event, error) {
		cancel()
		for range 1000 {
			running++
		}
		return []strongroom.Event{read("one")}, nil
	})
	if running != 1000 {
		t.Errorf("the change was at %d of 1000 when Commit returned", running)
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Commit = %v", err)
	}
	closeLog(t, l)
	mustBeWhole(t, m)
}

func TestAnEndedContextRecordsNothing(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Record(ctx, read("never")); !errors.Is(err, context.Canceled) {
		t.Errorf("Record = %v, want context.Canceled", err)
	}
	closeLog(t, l)
	if got := recorded(t, m); got["never"] != 0 {
		t.Errorf("recorded %v", got)
	}
}

func TestAFullQueueMakesCallersWaitAsLongAsTheyLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		g := hold(m)
		outcomes := make(chan map[string]error)
		go func() { outcomes <- recordAll(context.Background(), l, "e", 2000) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Record(ctx, read("impatient")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Record = %v, want DeadlineExceeded", err)
		}
		g.open()
		for id, err := range <-outcomes {
			if err != nil {
				t.Errorf("%s: %v", id, err)
			}
		}
		closeLog(t, l)
		if got := recorded(t, m); got["impatient"] != 0 || len(got) != 2002 {
			t.Errorf("%d different events, impatient %d times", len(got), got["impatient"])
		}
	})
}

func TestCloseWritesWhatIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		g := hold(m)
		outcomes := make(chan map[string]error)
		go func() { outcomes <- recordAll(context.Background(), l, "e", 2000) }()
		synctest.Wait()
		closed := make(chan error, 1)
		go func() { closed <- l.Close(context.Background()) }()
		synctest.Wait()
		g.open()
		if err := <-closed; err != nil {
			t.Fatal(err)
		}
		want := map[string]int{"audit.chain_open": 1, "audit.chain_close": 1}
		for id, err := range <-outcomes {
			switch {
			case err == nil:
				want[id] = 1
			case !errors.Is(err, audit.ErrClosed):
				t.Errorf("%s: %v, want nil or ErrClosed", id, err)
			}
		}
		got := recorded(t, m)
		if len(want) < 1024 || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%d acknowledged, %d recorded, and they should be the same", len(want), len(got))
		}
		r := mustBeWhole(t, m)
		if len(r.Unclosed) != 0 {
			t.Error("an event came after the closing one")
		}
	})
}

func TestCloseGivesUpWaitingWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		g := hold(m)
		first := make(chan error, 1)
		go func() { first <- l.Record(context.Background(), read("first")) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close = %v, want DeadlineExceeded", err)
		}
		g.open()
		if err := <-first; err != nil {
			t.Errorf("what was queued: %v", err)
		}
		synctest.Wait()
		mustBeWhole(t, m)
	})
}
