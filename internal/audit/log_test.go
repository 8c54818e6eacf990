package audit_test

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

func TestOpenRefusesIncompleteOptions(t *testing.T) {
	for name, o := range map[string]audit.Options{
		"without a store":  {Signer: signer},
		"without a key":    {Store: newMemory(), Signer: audit.Signer{KeyID: keyID}},
		"without a key id": {Store: newMemory(), Signer: audit.Signer{Key: private}},
	} {
		t.Run(name, func(t *testing.T) {
			if l, err := audit.Open(t.Context(), o); err == nil || l != nil {
				t.Errorf("Open = %v, %v; want an error", l, err)
			}
		})
	}
}

func TestOpenFailsWhereItsFirstEventOrCheckpointCannotBeKept(t *testing.T) {
	for _, at := range []stage{atBegin, atAppend, atCommit, atCommitKept, atCheckpoint} {
		t.Run(string(at), func(t *testing.T) {
			m := newMemory()
			m.failAt(at)
			_, err := audit.Open(t.Context(), audit.Options{Store: m, Signer: signer})
			if !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("Open = %v, want ErrUnavailable", err)
			}
			m.failAt()
			mustBeWhole(t, m)
		})
	}
}

func TestLogKeepsEventsBetweenItsOpeningAndItsClosing(t *testing.T) {
	m := newMemory()
	at := time.Date(2026, 3, 1, 12, 0, 0, 123456789, time.FixedZone("east", 3600))
	l := open(t, m, func(o *audit.Options) {
		o.Process = "credential restore"
		o.Clock = func() time.Time { return at }
	})
	want := read("one")
	want.Time = at.Add(time.Hour)
	if err := l.Record(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)

	records := m.snapshot().records
	if len(records) != 3 {
		t.Fatalf("%d records, want opening, event and closing", len(records))
	}
	for i, action := range []strongroom.Action{strongroom.ActionChainOpen, strongroom.ActionCredentialRead, strongroom.ActionChainClose} {
		e, err := audit.Decode(records[i])
		if err != nil {
			t.Fatal(err)
		}
		if e.Action != action || e.Sequence != int64(i+1) || e.Cursor != int64(i+1) || e.Hash != records[i].Hash || e.Chain != records[0].Chain {
			t.Errorf("record %d is %+v, want %s", i, e, action)
		}
		if i != 1 && (e.Note != "credential restore" || e.PrincipalKind != strongroom.KindOperator || !e.Time.Equal(strongroom.Timestamp(at))) {
			t.Errorf("record %d is %+v, want the process, the operator and the clock's time", i, e)
		}
	}
	want.Time = strongroom.Timestamp(want.Time)
	if e, _ := audit.Decode(records[1]); !reflect.DeepEqual(e.Event, want) {
		t.Errorf("decoded %+v, want %+v", e.Event, want)
	}
	if r := records[1]; !r.At.Equal(want.Time) || r.OrganizationID != organization {
		t.Errorf("columns are %v and %v", r.At, r.OrganizationID)
	}
	r := mustBeWhole(t, m)
	if r.Chains != 1 || r.Events != 3 || r.Checkpoints != 2 || len(r.Unclosed) != 0 {
		t.Errorf("report is %+v", r)
	}
}

func TestAnEventThatCannotBeEncodedIsRefused(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for name, spoil := range map[string]func(*strongroom.Event){
		"a year JSON has no form for": func(e *strongroom.Event) { e.Time = time.Date(12345, 1, 1, 0, 0, 0, 0, time.UTC) },
		"a note past the limit":       func(e *strongroom.Event) { e.Note = strings.Repeat("x", 64<<10) },
	} {
		e := read("bad")
		spoil(&e)
		if err := l.Record(t.Context(), e); err == nil {
			t.Errorf("%s: Record accepted it", name)
		}
		err := l.Commit(t.Context(), func(tx store.Tx) ([]strongroom.Event, error) {
			return []strongroom.Event{read("good"), e}, tx.EnsureOrganization(organization, time.Time{})
		})
		if err == nil {
			t.Errorf("%s: Commit accepted it", name)
		}
	}
	mustRecord(t, l, "after")
	closeLog(t, l)
	got := recorded(t, m)
	if got["bad"] != 0 || got["good"] != 0 || got["after"] != 1 {
		t.Errorf("recorded %v", got)
	}
	if len(m.snapshot().organizations) != 0 {
		t.Error("the change was kept without its events")
	}
}

func TestCommitKeepsAChangeWithItsEvents(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	err := l.Commit(t.Context(), func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{read("one"), read("two")}, tx.EnsureOrganization(organization, time.Time{})
	})
	if err != nil {
		t.Fatal(err)
	}
	closeLog(t, l)
	if got := recorded(t, m); got["one"] != 1 || got["two"] != 1 {
		t.Errorf("recorded %v", got)
	}
	if _, kept := m.snapshot().organizations[organization]; !kept {
		t.Error("the change was not kept")
	}
	mustBeWhole(t, m)
}

func TestCommitKeepsAChangeThatHasNoEvents(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	err := l.Commit(t.Context(), func(tx store.Tx) ([]strongroom.Event, error) {
		return nil, tx.EnsureOrganization(organization, time.Time{})
	})
	if err != nil {
		t.Fatal(err)
	}
	mustRecord(t, l, "after")
	closeLog(t, l)
	if len(m.snapshot().organizations) != 1 {
		t.Error("the change was not kept")
	}
	mustBeWhole(t, m)
}

func TestCloseRefusesWhatComesAfter(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	closeLog(t, l)
	err := l.Record(t.Context(), read("late"))
	if !errors.Is(err, audit.ErrClosed) || !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Record = %v, want ErrClosed", err)
	}
	err = l.Commit(t.Context(), func(store.Tx) ([]strongroom.Event, error) {
		t.Error("the change ran")
		return nil, nil
	})
	if !errors.Is(err, audit.ErrClosed) {
		t.Errorf("Commit = %v, want ErrClosed", err)
	}
	if err := l.Close(t.Context()); err != nil {
		t.Errorf("second Close = %v", err)
	}
	if got := recorded(t, m); got["late"] != 0 || got["audit.chain_close"] != 1 {
		t.Errorf("recorded %v", got)
	}
}

func TestCloseSaysWhatCouldNotBeWritten(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	m.failAt(atBegin)
	if err := l.Close(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Close = %v, want ErrUnavailable", err)
	}
}

func TestACrashLeavesAChainThatVerifies(t *testing.T) {
	m := newMemory()
	crashed := open(t, m)
	mustRecord(t, crashed, "one", "two")
	after := open(t, m)
	mustRecord(t, after, "three")
	closeLog(t, after)

	r := mustBeWhole(t, m)
	first := m.snapshot().records[0].Chain
	if len(r.Unclosed) != 1 || r.Unclosed[0] != first {
		t.Errorf("unclosed are %v, want %v", r.Unclosed, first)
	}
	closeLog(t, crashed)
}

func TestTwoLogsShareOneStore(t *testing.T) {
	m := newMemory()
	a, b := open(t, m), open(t, m)
	done := make(chan map[string]error)
	go func() { done <- recordAll(context.Background(), a, "a", 200) }()
	for id, err := range recordAll(t.Context(), b, "b", 200) {
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for id, err := range <-done {
		if err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	closeLog(t, a)
	closeLog(t, b)
	r := mustBeWhole(t, m)
	if r.Chains != 2 || r.Events != 404 || len(r.Unclosed) != 0 {
		t.Errorf("report is %+v", r)
	}
	versions := map[uuid.Version]bool{}
	for _, rec := range m.snapshot().records {
		versions[rec.Chain.Version()] = true
	}
	if len(versions) != 1 || !versions[7] {
		t.Errorf("chain ids have versions %v, want 7", versions)
	}
}
