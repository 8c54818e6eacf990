package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	rawsqlite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

func openSQLite(t testing.TB, path string) *sqlite.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatalf("open the database: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close the database: %v", err)
		}
	})
	return db
}

// overwrite replaces the whole log in a database file by what somebody made of it.
func overwrite(t *testing.T, path string, with contents) {
	t.Helper()
	c, err := rawsqlite.OpenConn(path, rawsqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	var triggers []string
	run := func(query string, args ...any) {
		t.Helper()
		if err := sqlitex.Execute(c, query, &sqlitex.ExecOptions{Args: args}); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	err = sqlitex.Execute(c, `SELECT name FROM sqlite_schema WHERE type = 'trigger'`, &sqlitex.ExecOptions{
		ResultFunc: func(s *rawsqlite.Stmt) error { triggers = append(triggers, s.ColumnText(0)); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range triggers {
		run("DROP TRIGGER " + name)
	}
	for _, table := range []string{"audit_events", "audit_heads", "audit_checkpoints"} {
		run("DELETE FROM " + table)
	}
	for _, r := range with.records {
		run(`INSERT INTO audit_events (cursor, chain, sequence, at, organization_id, hash, body) VALUES (?, ?, ?, ?, ?, ?, ?)`,
			r.Cursor, r.Chain[:], r.Sequence, r.At.UnixMicro(), r.OrganizationID[:], r.Hash[:], string(r.Body))
	}
	for _, h := range with.heads {
		run(`INSERT INTO audit_heads (chain, sequence, hash, key_id, signature, updated_at) VALUES (?, ?, ?, ?, ?, ?)`,
			h.Chain[:], h.Sequence, h.Hash[:], h.KeyID[:], h.Signature, h.UpdatedAt.UnixMicro())
	}
	for _, p := range with.checkpoints {
		run(`INSERT INTO audit_checkpoints (sequence, body, key_id, signature, created_at) VALUES (?, ?, ?, ?, ?)`,
			p.Sequence, p.Body, p.KeyID[:], p.Signature, p.CreatedAt.UnixMicro())
	}
}

func TestSQLiteVerifyNamesWhatWasTamperedWith(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	db := openSQLite(t, path)
	whole := makeScene(t, db)
	for i, line := range whole.lines {
		if r := verify(t, db, audit.VerifyOptions{Checkpoint: []byte(line)}); !r.OK() || r.Events != 14 {
			t.Fatalf("with checkpoint %d off the host, before anything was done: %s", i+1, describe(r))
		}
	}
	for _, x := range tamperings {
		t.Run(x.name, func(t *testing.T) {
			spoiled := whole.copy()
			x.do(spoiled)
			overwrite(t, path, spoiled.contents)
			x.mustFind(t, db, spoiled)
		})
	}
	overwrite(t, path, whole.contents)
	mustBeWhole(t, db)
}

// rawly runs statements on the database's file behind the store's back.
func rawly(t *testing.T, path string, statements ...string) error {
	t.Helper()
	c, err := rawsqlite.OpenConn(path, rawsqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if err == nil {
			err = sqlitex.ExecuteTransient(c, s, nil)
		}
	}
	if closed := c.Close(); closed != nil {
		t.Fatal(closed)
	}
	return err
}

func TestSQLiteARowWithoutAProperIDIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	db := openSQLite(t, path)
	makeScene(t, db)
	err := rawly(t, path, `INSERT INTO audit_events (chain, sequence, at, organization_id, hash, body)
		SELECT CAST(chain || x'00' AS BLOB), sequence, at, organization_id, hash, body FROM audit_events WHERE sequence = 2`)
	if err != nil {
		t.Fatal(err)
	}
	if verify(t, db, audit.VerifyOptions{}).OK() {
		t.Error("events hide behind chain ids with a byte too many")
	}
}

func TestSQLiteNamesColumnsOfTheWrongLength(t *testing.T) {
	for name, statement := range map[string]string{
		"an organization with a byte too many": `UPDATE audit_events SET organization_id = CAST(organization_id || x'00' AS BLOB) WHERE sequence = 2`,
		"a hash with a byte too many":          `UPDATE audit_events SET hash = CAST(hash || x'00' AS BLOB) WHERE sequence = 2`,
		"a head's key id with a byte too many": `UPDATE audit_heads SET key_id = CAST(key_id || x'00' AS BLOB)`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "log.db")
			db := openSQLite(t, path)
			makeScene(t, db)
			if err := rawly(t, path, "DROP TRIGGER audit_events_never_change", statement); err != nil {
				t.Fatal(err)
			}
			if r := verify(t, db, audit.VerifyOptions{}); r.OK() || r.Problems[0].Kind != audit.KindUnreadable {
				t.Errorf("the report is %+v, want it named as unreadable", r)
			}
		})
	}
}

func TestSQLiteKeepsItsTriggersInTheWayOfChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	makeScene(t, openSQLite(t, path))
	for _, query := range []string{"DELETE FROM audit_events", "UPDATE audit_events SET at = at + 1"} {
		if err := rawly(t, path, query); err == nil {
			t.Errorf("%s: not refused", query)
		}
	}
}

func TestSQLiteKeepsEveryEventThatWasAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	db, other := openSQLite(t, path), openSQLite(t, path)
	batches := 0
	a := open(t, db, func(o *audit.Options) { o.Observe = func(int, time.Duration, error) { batches++ } })
	b := open(t, other)
	done := make(chan map[string]error)
	go func() { done <- recordAll(context.Background(), b, "b", 300) }()
	outcomes := recordAll(t.Context(), a, "a", 1000)
	for id, err := range <-done {
		outcomes[id] = err
	}
	// What the files hold now is what a crash leaves: the copies are never closed.
	crashed := filepath.Join(t.TempDir(), "log.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(crashed+suffix, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	closeLog(t, a)
	closeLog(t, b)
	if batches > 600 {
		t.Errorf("%d commits for 1000 events of 1000 callers: they do not share", batches)
	}
	left := openSQLite(t, crashed)
	for name, s := range map[string]store.Audit{"the database": db, "what a crash leaves": left} {
		got := recorded(t, s)
		for id, err := range outcomes {
			if err != nil || got[id] != 1 {
				t.Errorf("%s: %s was answered with %v and is recorded %d times", name, id, err, got[id])
			}
		}
		mustBeWhole(t, s)
	}
	if r := mustBeWhole(t, left); len(r.Unclosed) != 2 {
		t.Errorf("unclosed after the crash are %v, want both chains", r.Unclosed)
	}
}

func TestSQLiteAChangeAndItsEventNeverPart(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "log.db"))
	l := open(t, db)
	account := strongroom.ServiceAccount{ID: keyID, Name: "worker", Status: strongroom.ServiceAccountActive, ModifiedBy: keyID}
	create := func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{read("created")}, tx.CreateAccount(account)
	}
	if err := l.Commit(t.Context(), create); err != nil {
		t.Fatal(err)
	}
	account.ID = signer.KeyID
	account.ID[15]++
	if err := l.Commit(t.Context(), create); !errors.Is(err, store.ErrDuplicate) || errors.Is(err, store.ErrUnavailable) {
		t.Errorf("Commit = %v, want the change's ErrDuplicate", err)
	}
	err := l.Commit(t.Context(), func(tx store.Tx) ([]strongroom.Event, error) {
		account.Name = "another"
		if err := tx.CreateAccount(account); err != nil {
			t.Error(err)
		}
		panic("on the way")
	})
	if err == nil {
		t.Error("a panic is no error")
	}
	closeLog(t, l)
	accounts, err := db.ListAccounts(t.Context(), organization, strongroom.Page{Limit: 10})
	if err != nil || len(accounts) != 1 || accounts[0].Name != "worker" {
		t.Errorf("accounts are %+v, %v; want the one that is on record", accounts, err)
	}
	if got := recorded(t, db); got["created"] != 1 {
		t.Errorf("recorded %v", got)
	}
	mustBeWhole(t, db)
}

func TestSQLiteRecoversWhenItsFileIsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	db := openSQLite(t, path)
	l := open(t, db)
	mustRecord(t, l, "before")
	if err := os.Rename(path, path+".moved"); err != nil {
		t.Fatal(err)
	}
	for id, err := range recordAll(t.Context(), l, "during", 20) {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", id, err)
		}
	}
	if l.Err() == nil {
		t.Error("Err is nil without a database")
	}
	if err := os.Rename(path+".moved", path); err != nil {
		t.Fatal(err)
	}
	mustRecord(t, l, "after")
	if l.Err() != nil {
		t.Errorf("Err = %v with the database back", l.Err())
	}
	closeLog(t, l)
	if got := recorded(t, db); got["before"] != 1 || got["after"] != 1 || got["during0"] != 0 {
		t.Errorf("recorded %v", got)
	}
	mustBeWhole(t, db)
}

// interrupted is a database whose commits can be made to end in doubt.
type interrupted struct {
	*sqlite.DB
	doubt bool
}

func (i *interrupted) Write(ctx context.Context, fn func(store.Tx) error) error {
	err := i.DB.Write(ctx, fn)
	if err == nil && i.doubt {
		i.doubt = false
		return fmt.Errorf("the connection broke: %w", store.ErrUnavailable)
	}
	return err
}

func TestSQLiteGoesOnFromACommitThatWasKeptInDoubt(t *testing.T) {
	db := &interrupted{DB: openSQLite(t, filepath.Join(t.TempDir(), "log.db"))}
	l := open(t, db)
	for i := range 5 {
		db.doubt = true
		if err := l.Record(t.Context(), read(fmt.Sprint("doubt", i))); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("Record = %v, want ErrUnavailable", err)
		}
		mustRecord(t, l, fmt.Sprint("sure", i))
	}
	closeLog(t, l)
	r := mustBeWhole(t, db)
	if r.Events != 12 {
		t.Errorf("%d events, want opening, closing, and all ten between", r.Events)
	}
}

func TestSQLiteACheckpointRaceEndsWithOneOrder(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log.db")
	first, second := openSQLite(t, path), openSQLite(t, path)
	a, b := open(t, first), open(t, second)
	done := make(chan error)
	work := func(l *audit.Log, prefix string) error {
		for i := range 20 {
			if err := l.Record(context.Background(), read(fmt.Sprint(prefix, i))); err != nil {
				return err
			}
			if err := l.Checkpoint(context.Background()); err != nil {
				return err
			}
		}
		return l.Close(context.Background())
	}
	go func() { done <- work(b, "b") }()
	if err := errors.Join(work(a, "a"), <-done); err != nil {
		t.Fatal(err)
	}
	r := mustBeWhole(t, first)
	if r.Chains != 2 || r.Events != 44 || len(r.Unclosed) != 0 {
		t.Errorf("report is %+v", r)
	}
}

func TestSQLiteIsVerifiedAndExportedWhileOthersWrite(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "log.db"))
	l := open(t, db)
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
				if err := l.Record(context.Background(), read(fmt.Sprint("e", i))); err != nil {
					stopped <- err
					return
				}
			}
		}
	}()
	for range 20 {
		mustBeWhole(t, db)
		var out strings.Builder
		if err := audit.Export(t.Context(), db, &out); err != nil {
			t.Error(err)
		}
		if !strings.HasSuffix(out.String(), "}}\n") {
			t.Error("the export ends in the middle of a line")
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	closeLog(t, l)
}
