package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

func TestADatabaseThatFailsFailsEveryCallerAndRecovers(t *testing.T) {
	for _, at := range []stage{atBegin, atAppend, atCommit, atCommitKept} {
		t.Run(string(at), func(t *testing.T) {
			m := newMemory()
			var logged bytes.Buffer
			l := open(t, m, func(o *audit.Options) { o.Log = slog.New(slog.NewTextHandler(&logged, nil)) })
			mustRecord(t, l, "before")

			m.failAt(at)
			for id, err := range recordAll(t.Context(), l, "during", 50) {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: %v, want ErrUnavailable", id, err)
				}
			}
			if !errors.Is(l.Err(), store.ErrUnavailable) {
				t.Errorf("Err = %v, want ErrUnavailable", l.Err())
			}
			m.failAt()
			for id, err := range recordAll(t.Context(), l, "after", 50) {
				if err != nil {
					t.Errorf("%s: %v", id, err)
				}
			}
			if l.Err() != nil {
				t.Errorf("Err = %v after the database was back", l.Err())
			}
			closeLog(t, l)

			got := recorded(t, m)
			wantDuring := 0
			if at == atCommitKept {
				wantDuring = 1
			}
			for i := range 50 {
				if got[fmt.Sprint("after", i)] != 1 {
					t.Errorf("after%d is recorded %d times", i, got[fmt.Sprint("after", i)])
				}
				if got[fmt.Sprint("during", i)] != wantDuring {
					t.Errorf("during%d is recorded %d times, want %d", i, got[fmt.Sprint("during", i)], wantDuring)
				}
			}
			mustBeWhole(t, m)
			if n := strings.Count(logged.String(), "cannot be written"); n != 1 {
				t.Errorf("the outage is logged %d times, want once: %s", n, &logged)
			}
			if n := strings.Count(logged.String(), "can be written again"); n != 1 {
				t.Errorf("the recovery is logged %d times, want once", n)
			}
		})
	}
}

func TestADatabaseThatFailsWithinAChangeFailsTheWholeBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		entered, held := make(chan struct{}, 10), make(chan struct{})
		m.setFault(func(s stage) error {
			switch s {
			case atBegin:
				entered <- struct{}{}
				<-held
			case atEnsure:
				return fmt.Errorf("disk full: %w", store.ErrUnavailable)
			}
			return nil
		})
		alone, outcomes := make(chan error, 1), make(chan error, 2)
		go func() { alone <- l.Record(context.Background(), read("alone")) }()
		<-entered
		ran := 0
		go func() {
			outcomes <- l.Commit(context.Background(), func(store.Tx) ([]strongroom.Event, error) {
				ran++
				return nil, store.ErrDuplicate
			})
		}()
		synctest.Wait()
		go func() {
			outcomes <- l.Commit(context.Background(), func(tx store.Tx) ([]strongroom.Event, error) {
				ran++
				return []strongroom.Event{read("lost")}, tx.EnsureOrganization(organization, time.Time{})
			})
		}()
		synctest.Wait()
		close(held)
		if err := <-alone; err != nil {
			t.Errorf("the batch before: %v", err)
		}
		for range 2 {
			if err := <-outcomes; !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrDuplicate) {
				t.Errorf("got %v, want ErrUnavailable for all in the batch", err)
			}
		}
		if ran != 2 {
			t.Errorf("changes ran %d times, want once each", ran)
		}
		m.failAt()
		closeLog(t, l)
		if got := recorded(t, m); got["alone"] != 1 || got["lost"] != 0 {
			t.Errorf("recorded %v", got)
		}
		mustBeWhole(t, m)
	})
}

func TestAnErrorOfTheLogItselfLooksLikeNoErrorOfTheChange(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	m.setFault(func(s stage) error {
		if s == atAppend {
			return fmt.Errorf("sequence taken: %w", store.ErrDuplicate)
		}
		return nil
	})
	err := l.Commit(t.Context(), func(store.Tx) ([]strongroom.Event, error) { return []strongroom.Event{read("one")}, nil })
	if errors.Is(err, store.ErrDuplicate) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit = %v, want ErrUnavailable and no ErrDuplicate", err)
	}
	m.failAt()
	closeLog(t, l)
}

func TestALogWithoutCallersFindsOutByItselfThatTheDatabaseIsBack(t *testing.T) {
	for _, at := range []stage{atAppend, atCommit, atCommitKept} {
		t.Run(string(at), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := newMemory()
				l := open(t, m)
				m.failAt(at)
				if err := l.Record(t.Context(), read("one")); err == nil {
					t.Fatal("recorded on a database that fails")
				}
				<-time.After(10 * time.Second)
				synctest.Wait()
				if l.Err() == nil {
					t.Error("Err is nil while the database still fails")
				}
				m.failAt()
				<-time.After(2 * time.Second)
				synctest.Wait()
				if l.Err() != nil {
					t.Errorf("Err = %v, with the database back and nobody calling", l.Err())
				}
				mustRecord(t, l, "two")
				closeLog(t, l)
				mustBeWhole(t, m)
			})
		})
	}
}

func TestManyAmbiguousCommitsLeaveOneChain(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	acknowledged := map[string]bool{}
	for i := range 100 {
		id := fmt.Sprint("e", i)
		switch i % 4 {
		case 0:
			m.failAt()
		case 1:
			m.failAt(atCommitKept)
		case 2:
			m.failAt(atCommit)
		case 3:
			m.failAt(atAppend)
		}
		if l.Record(t.Context(), read(id)) == nil {
			acknowledged[id] = true
		}
	}
	m.failAt()
	closeLog(t, l)
	got := recorded(t, m)
	for id := range acknowledged {
		if got[id] != 1 {
			t.Errorf("%s was acknowledged and is recorded %d times", id, got[id])
		}
	}
	if len(acknowledged) != 25 {
		t.Errorf("%d acknowledged, want 25", len(acknowledged))
	}
	mustBeWhole(t, m)
}

func TestACommitThatIsKeptLateIsStillItsOwn(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	mustRecord(t, l, "before")

	m.failAt(atCommitKept)
	if err := l.Record(t.Context(), read("late")); err == nil {
		t.Fatal("want an error")
	}
	late := m.snapshot()
	m.edit(func(c *contents) { // not to be seen yet
		c.records = c.records[:len(c.records)-1]
		h := c.heads[late.records[0].Chain]
		last := c.records[len(c.records)-1]
		h.Sequence, h.Hash = last.Sequence, last.Hash
		c.heads[h.Chain] = h
	})
	m.failAt(atCommit)
	if err := l.Record(t.Context(), read("lost")); err == nil {
		t.Fatal("want an error")
	}
	m.edit(func(c *contents) { *c = late.clone() })
	m.failAt()
	mustRecord(t, l, "after")
	closeLog(t, l)
	if got := recorded(t, m); got["late"] != 1 || got["lost"] != 0 || got["after"] != 1 {
		t.Errorf("recorded %v", got)
	}
	mustBeWhole(t, m)
}

func TestAHeadThatAnotherMovedIsNotContinued(t *testing.T) {
	for name, move := range map[string]func(*contents, *store.AuditHead){
		"forward": func(_ *contents, h *store.AuditHead) { h.Sequence++ },
		"back":    func(_ *contents, h *store.AuditHead) { h.Sequence-- },
		"to another history": func(_ *contents, h *store.AuditHead) {
			h.Hash[0] ^= 1
		},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMemory()
			l := open(t, m)
			mustRecord(t, l, "one", "two")
			m.failAt(atBegin)
			if err := l.Record(t.Context(), read("three")); err == nil {
				t.Fatal("want an error")
			}
			m.edit(func(c *contents) {
				for id, h := range c.heads {
					move(c, &h)
					c.heads[id] = h
				}
			})
			m.failAt()
			for range 3 {
				err := l.Record(t.Context(), read("four"))
				if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "audit verify") {
					t.Errorf("Record = %v, want a refusal that says what to do", err)
				}
			}
			if err := l.Close(t.Context()); err == nil {
				t.Error("Close wrote its event into a chain that another changed")
			}
			if verify(t, m, audit.VerifyOptions{}).OK() {
				t.Error("verification finds nothing")
			}
		})
	}
}

func TestALongOutageIsSurvived(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	m.failAt(atCommit)
	for i := range 50 {
		if err := l.Record(t.Context(), read(fmt.Sprint("lost", i))); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("Record = %v, want ErrUnavailable", err)
		}
	}
	m.failAt()
	mustRecord(t, l, "after")
	closeLog(t, l)
	if got := recorded(t, m); got["after"] != 1 || len(got) != 3 {
		t.Errorf("recorded %v", got)
	}
	mustBeWhole(t, m)
}
