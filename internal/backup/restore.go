package backup

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// errNotRestored begins the sentence about a backup that was checked and is not whole.
var errNotRestored = errors.New("nothing was restored, because the backup is not as it should be")

// Restore checks a backup and loads it into an empty database, in one transaction that also
// puts the restore on record, and in which all that was loaded is read again and compared.
// The report is nil where the files could not be judged. caller is who restores.
func Restore(ctx context.Context, o Options, into store.Loader, caller strongroom.Caller) (*Report, error) {
	if err := into.Load(ctx, func(store.LoadTx) error { return errLooked }); !errors.Is(err, errLooked) {
		return nil, explainLoad(err)
	}
	c, err := check(ctx, o)
	if err != nil {
		return nil, err
	}
	defer c.file.Close()
	if !c.report.OK() {
		return c.report, fmt.Errorf("%w (problems: %d)", errNotRestored, c.report.ProblemCount)
	}
	err = into.Load(ctx, func(tx store.LoadTx) error {
		l := &load{checked: c, tx: tx, sums: map[string]*sum{}}
		if err := l.all(ctx); err != nil {
			return err
		}
		return l.record(ctx, caller)
	})
	return c.report, explainLoad(err)
}

// errLooked ends a load that only looks whether it could be.
var errLooked = errors.New("only looked")

func explainLoad(err error) error {
	if errors.Is(err, store.ErrNotEmpty) {
		return errors.New("the database is not empty, and nothing is restored over anything: name a new one with --database-url; what is there stays as it is")
	}
	return err
}

// load is the writing of one backup.
type load struct {
	*checked
	tx   store.LoadTx
	sums map[string]*sum
}

// all writes every table and reads it again.
func (l *load) all(ctx context.Context) error {
	if err := l.again(func(r *reader) error { return l.table(ctx, r) }); err != nil {
		return err
	}
	for _, t := range store.Tables {
		var found sum
		for row, err := range l.tx.Rows(t) {
			if err != nil {
				return err
			}
			found.add(row)
		}
		if written := l.sums[t.Name]; written == nil && found.rows > 0 || written != nil && *written != found {
			return fmt.Errorf("table %s does not read as it was written: the database changed it", t.Name)
		}
	}
	return nil
}

// sum is of rows in any order.
type sum struct {
	rows  int64
	mixed [sha256.Size]byte
}

func (s *sum) add(row store.Row) {
	b := appendRow(nil, row)
	for i, x := range sha256.Sum256(b) {
		s.mixed[i] ^= x
	}
	s.rows++
}

// table writes a table of the file. The keys go behind the organizations that they are of.
func (l *load) table(ctx context.Context, r *reader) error {
	if r.table.Name == signingKeys {
		return nil
	}
	t, convert, err := current(r.table)
	if err != nil {
		return about(l.Data, err)
	}
	known := map[uuid.UUID]bool{}
	change := l.changing(t, known)
	rows := func(yield func(store.Row, error) bool) {
		for {
			row, err := r.nextRow()
			if err != nil || ctx.Err() != nil {
				yield(nil, errors.Join(about(l.Data, err), ctx.Err()))
				return
			}
			if row == nil {
				return
			}
			if row = change(convert(row)); row != nil && !yield(row, nil) {
				return
			}
		}
	}
	if err := l.insert(t, rows); err != nil || t.Name != "organizations" {
		return err
	}
	return l.insertKeys(t, known)
}

func (l *load) insert(t store.Table, rows iter.Seq2[store.Row, error]) error {
	s := l.sums[t.Name]
	if s == nil {
		s = &sum{}
		l.sums[t.Name] = s
	}
	err := l.tx.Insert(t, func(yield func(store.Row, error) bool) {
		for row, err := range rows {
			if err == nil {
				s.add(row)
			}
			if !yield(row, err) {
				return
			}
		}
	})
	if err != nil {
		return fmt.Errorf("table %s cannot be restored: %w", t.Name, err)
	}
	return nil
}

// changing returns what becomes of a table's rows; nil: the row is left out.
func (l *load) changing(t store.Table, known map[uuid.UUID]bool) func(store.Row) store.Row {
	organization := t.Column("organization_id")
	switch t.Name {
	case "installation":
		// The root key is the one that wraps the keys now.
		return func(row store.Row) store.Row {
			row[t.Column("root_fingerprint")] = []byte(l.keys.Header.RootFingerprint)
			return row
		}
	case "organizations":
		return func(row store.Row) store.Row {
			id := store.DecodeUUID(row[t.Column("id")])
			known[id] = true
			if at := l.keys.Erased[id]; at != nil {
				row[t.Column("erased_at")] = at
			}
			return row
		}
	case "audit_events":
		return func(row store.Row) store.Row { return row } // an erased organization's too: the chains must stay whole
	}
	return func(row store.Row) store.Row {
		if organization >= 0 && row[organization] != nil && l.keys.Erased[store.DecodeUUID(row[organization])] != nil {
			return nil
		}
		if t.Name == "credentials" && l.consent[store.DecodeUUID(row[t.Column("id")])] {
			l.doubt(t, row)
		}
		return row
	}
}

// doubt says on a credential that its refresh token may be an old one. That state is tried
// again, serves a token that is still valid, and ends as soon as the provider has answered.
func (l *load) doubt(t store.Table, row store.Row) {
	set := func(name string, v []byte) { row[t.Column(name)] = v }
	set("status", []byte(strongroom.StatusUncertain))
	set("status_reason", []byte(strongroom.ReasonAnswerLost))
	set("status_since", store.EncodeTime(l.now))
	set("refresh_error", fmt.Appendf(nil, "Restored from a backup of %s; where the token was renewed after that, this account has to be connected again", l.report.Header.CreatedAt.Format(timeFormat)))
}

// insertKeys writes what is in the keys file. It may know organizations that are younger
// than the backup: their keys are kept, for the newer backups that need them, and which of
// them were erased.
func (l *load) insertKeys(organizations store.Table, known map[uuid.UUID]bool) error {
	var young []store.Row
	for _, row := range l.keys.rows[organizations.Name] {
		if !known[store.DecodeUUID(row[organizations.Column("id")])] {
			young = append(young, row)
		}
	}
	if err := l.insert(organizations, each(young)); err != nil {
		return err
	}
	for _, t := range store.Tables {
		if t.Keys {
			if err := l.insert(t, each(l.keys.rows[t.Name])); err != nil {
				return err
			}
		}
	}
	return nil
}

func each(rows []store.Row) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for _, row := range rows {
			if !yield(row, nil) {
				return
			}
		}
	}
}

// record puts the restore on record, in a chain of its own, within the transaction.
func (l *load) record(ctx context.Context, caller strongroom.Caller) error {
	log, err := audit.Open(ctx, audit.Options{
		Store: &within{tx: l.tx}, Signer: l.trusted.Signer, Clock: l.Clock, Process: "restore",
	})
	if err != nil {
		return fmt.Errorf("the restore cannot be put on record: %w", err)
	}
	event := strongroom.NewEvent(l.Clock.Now(), caller, strongroom.ActionDatabaseRestore)
	event.Note = fmt.Sprintf("backup of %s, SHA-256 %s", l.report.Header.CreatedAt.Format(timeFormat), l.report.Digest)
	err = log.Record(ctx, event)
	return errors.Join(err, log.Close(context.WithoutCancel(ctx)))
}

// within lets the audit log write into a transaction that is open.
type within struct {
	mu sync.Mutex
	tx store.LoadTx
}

// Write implements audit.Writer.
func (w *within) Write(_ context.Context, fn func(store.Tx) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.tx.Nested(func() error { return fn(w.tx) })
}
