package sqlite_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	driver "zombiezen.com/go/sqlite"

	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// fill bounds the database to the pages it has.
func (m moving) fill() {
	m.Helper()
	count, err := m.SetMaxPages(m.Context(), 1<<30)
	if err == nil {
		_, err = m.SetMaxPages(m.Context(), count)
	}
	if err != nil {
		m.Fatal(err)
	}
}

func (m moving) empty() {
	m.Helper()
	if _, err := m.SetMaxPages(m.Context(), 0); err != nil {
		m.Fatal(err)
	}
}

// large appends what takes more pages.
func large(tx store.Tx, chain uuid.UUID) error {
	body := []byte(`"` + strings.Repeat("x", 100_000) + `"`)
	return tx.AppendAudit([]store.AuditRecord{{Chain: chain, Sequence: 1, Body: body}}, store.AuditHead{Chain: chain, Sequence: 1})
}

// full checks that the error says that the disk is full.
func (m moving) full(name string, err error) {
	m.Helper()
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "is full") {
		m.Errorf("%s: %v", name, err)
	}
}

func TestFullDatabase(t *testing.T) {
	t.Run("a write and Ready say so, nothing is kept, and both recover", func(t *testing.T) {
		m, chain := setupMoving(t), uuid.New()
		m.fill()
		m.full("Ready", m.Ready(t.Context()))
		a := systemAccount()
		m.full("Write", m.Write(t.Context(), func(tx store.Tx) error {
			return errors.Join(tx.CreateAccount(a), large(tx, chain))
		}))
		if _, err := m.Account(t.Context(), uuid.Nil, a.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("something was kept: %v", err)
		}
		if err := m.read(); err != nil {
			t.Errorf("it does not read: %v", err)
		}
		m.empty()
		m.works()
		if err := m.Write(t.Context(), func(tx store.Tx) error { return large(tx, chain) }); err != nil {
			t.Error(err)
		}
	})
	t.Run("a transaction whose function overlooks it is lost all the same", func(t *testing.T) {
		m, a := setupMoving(t), systemAccount()
		m.fill()
		m.full("Write", m.Write(t.Context(), func(tx store.Tx) error {
			m.full("Nested", tx.Nested(func() error { return large(tx, uuid.New()) }))
			m.full("CreateAccount", tx.CreateAccount(a))
			return nil
		}))
		if _, err := m.Account(t.Context(), uuid.Nil, a.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("something was kept: %v", err)
		}
	})
	t.Run("Ready leaves nothing larger than it was", func(t *testing.T) {
		m := setupMoving(t)
		before, err := m.SetMaxPages(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		for range 5 {
			m.works()
		}
		after, err := m.SetMaxPages(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if after != before {
			t.Errorf("%d pages became %d", before, after)
		}
		entries, err := os.ReadDir(filepath.Dir(m.path))
		if err != nil {
			t.Fatal(err)
		}
		if len(entries) != 3 { // the file, its log and the log's index
			t.Errorf("files are left: %v", entries)
		}
	})
}

func TestATransactionThatSQLiteTakesBackIsLost(t *testing.T) {
	m, before, after, organization := setupMoving(t), systemAccount(), systemAccount(), uuid.New()
	err := m.Write(t.Context(), func(tx store.Tx) error {
		if err := errors.Join(tx.CreateAccount(before), tx.EnsureOrganization(organization, time.UnixMicro(1))); err != nil {
			return err
		}
		nested := tx.Nested(func() error {
			return sqlite.RunInTx(tx, "INSERT OR ROLLBACK INTO organizations SELECT * FROM organizations")
		})
		if !errors.Is(nested, store.ErrUnavailable) {
			t.Errorf("Nested: %v", nested)
		}
		if err := tx.CreateAccount(after); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("CreateAccount: %v", err)
		}
		return nil
	})
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Write: %v", err)
	}
	for _, a := range []uuid.UUID{before.ID, after.ID} {
		if _, err := m.Account(t.Context(), uuid.Nil, a); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("something was kept: %v", err)
		}
	}
	m.works()
}

func TestDamagedFile(t *testing.T) {
	m := setupMoving(t)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(m.path)
	if err != nil {
		t.Fatal(err)
	}
	clear(content[2*4096:]) // the first pages hold the schema, which Open reads
	for i := range content[2*4096:] {
		content[2*4096+i] = 0xa5
	}
	if err := os.WriteFile(m.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: m.path})
	if err == nil {
		defer db.Close()
		_, err = db.Account(t.Context(), uuid.Nil, m.account.ID)
	}
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("got %v", err)
	}
}

func TestALockThatIsHeldForTooLong(t *testing.T) {
	m := setupMoving(t)
	impatient := open(t, sqlite.Options{Path: m.path, BusyTimeout: time.Millisecond})
	defer impatient.Close()
	err := m.Write(t.Context(), func(store.Tx) error {
		return impatient.Write(t.Context(), func(tx store.Tx) error { t.Error("it got in"); return nil })
	})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "locked for too long") {
		t.Errorf("got %v", err)
	}
}

func TestAuditEventsCannotBeChangedOrRemoved(t *testing.T) {
	m := setupMoving(t)
	if err := m.Write(t.Context(), func(tx store.Tx) error { return large(tx, uuid.New()) }); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"UPDATE audit_events SET body = '{}'",
		"DELETE FROM audit_events",
	} {
		err := m.Write(t.Context(), func(tx store.Tx) error { return sqlite.RunInTx(tx, statement) })
		if err == nil || !strings.Contains(err.Error(), "append-only") {
			t.Errorf("%s: %v", statement, err)
		}
	}
}

func TestInterpret(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	own := errors.New("its own")
	for name, test := range map[string]struct {
		ctx       context.Context
		err, want error
	}{
		"a full disk":             {t.Context(), driver.ResultFull.ToError(), store.ErrUnavailable},
		"a failing sync":          {t.Context(), driver.ResultIOErrFsync.ToError(), store.ErrUnavailable},
		"a file not to be opened": {t.Context(), driver.ResultCantOpen.ToError(), store.ErrUnavailable},
		"a read-only mount":       {t.Context(), driver.ResultReadOnly.ToError(), store.ErrUnavailable},
		"a recovery under way":    {t.Context(), driver.ResultBusyRecovery.ToError(), store.ErrUnavailable},
		"a locked table":          {t.Context(), driver.ResultLocked.ToError(), store.ErrUnavailable},
		"a damaged page":          {t.Context(), driver.ResultCorrupt.ToError(), store.ErrUnavailable},
		"a damaged header":        {t.Context(), driver.ResultNotADB.ToError(), store.ErrUnavailable},
		"a taken name":            {t.Context(), driver.ResultConstraintUnique.ToError(), store.ErrDuplicate},
		"a taken id":              {t.Context(), driver.ResultConstraintPrimaryKey.ToError(), store.ErrDuplicate},
		"a missing parent":        {t.Context(), driver.ResultConstraintForeignKey.ToError(), store.ErrNotFound},
		"an ended context":        {ended, driver.ResultInterrupt.ToError(), context.Canceled},
		"any other error":         {t.Context(), own, own},
	} {
		t.Run(name, func(t *testing.T) {
			if got := sqlite.Interpret(test.ctx, test.err); !errors.Is(got, test.want) || !errors.Is(got, test.err) && test.want != context.Canceled {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	if got := sqlite.Interpret(t.Context(), nil); got != nil {
		t.Errorf("no error became %v", got)
	}
	if got := sqlite.Interpret(t.Context(), driver.ResultMismatch.ToError()); errors.Is(got, store.ErrUnavailable) || got == nil {
		t.Errorf("a mistake of ours became %v", got)
	}
}

func TestObserveIsToldOfEveryOperationOnce(t *testing.T) {
	type seen struct {
		operation string
		failed    bool
	}
	var got []seen
	m := setupMoving(t)
	db := open(t, sqlite.Options{Path: m.path, Observe: func(operation string, took time.Duration, err error) {
		if took < 0 {
			t.Errorf("%s took %v", operation, took)
		}
		got = append(got, seen{operation, err != nil})
	}})
	defer db.Close()
	_, _ = db.KeyByHash(t.Context(), [32]byte{})
	_, _ = db.Account(t.Context(), uuid.Nil, m.account.ID)
	_ = db.Write(t.Context(), func(store.Tx) error { return nil })
	_ = db.Ready(t.Context())
	_ = db.AuditSnapshot(t.Context(), func(store.AuditView) error { return errors.New("no") })
	want := []seen{{"key_by_hash", true}, {"account", false}, {"write", false}, {"ready", false}, {"audit_snapshot", true}}
	if len(got) != len(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("got %v, want %v", got[i], want[i])
		}
	}
}
