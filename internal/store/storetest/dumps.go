package storetest

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// Whole is a store that can be dumped and loaded.
type Whole interface {
	store.Store
	store.Dumper
	store.Loader
}

// RunDumps runs the suite of store.Dumper and store.Loader; create makes a new, empty
// database, which is opened with the right to see all of it.
func RunDumps(t *testing.T, create func(t *testing.T) func(t *testing.T) Whole) {
	for name, test := range map[string]func(f *dumps){
		"an empty database has no rows":                      (*dumps).empty,
		"what was loaded is what is dumped":                  (*dumps).whole,
		"an erased organization stays erased":                (*dumps).erased,
		"a table may be read in part":                        (*dumps).projection,
		"a database with something in it is not loaded":      (*dumps).notEmpty,
		"a load that fails leaves nothing":                   (*dumps).failing,
		"a row that does not fit is refused":                 (*dumps).misfits,
		"a dump does not change while others write":          (*dumps).unchanging,
		"a dump may be left early":                           (*dumps).left,
		"the log goes on behind what was loaded":             (*dumps).goesOn,
		"a load may write as a transaction does":             (*dumps).asTransaction,
		"a dump and a load end with the context":             (*dumps).cancelled,
		"the function's error is returned, and nothing else": (*dumps).errors,
	} {
		t.Run(name, func(t *testing.T) {
			open := create(t)
			f := &dumps{open: func() Whole { return open(t) }}
			f.fixture = &fixture{T: t}
			f.Whole = f.reopened()
			f.fixture.Store = f.Whole
			test(f)
		})
	}
}

type dumps struct {
	*fixture
	Whole
	open func() Whole
}

func (f *dumps) reopened() Whole {
	s := f.open()
	f.Cleanup(func() { _ = s.Close() })
	return s
}

// fill loads rows into every table and returns them.
func (f *dumps) fill(n int) map[string][]store.Row {
	f.Helper()
	rows := map[string][]store.Row{}
	f.must(f.Load(f.Context(), func(tx store.LoadTx) error {
		for _, t := range store.Tables {
			rows[t.Name] = DumpRows(t, n)
			if err := tx.Insert(t, Each(rows[t.Name])); err != nil {
				return err
			}
		}
		return nil
	}))
	return rows
}

func (f *dumps) erased() {
	organizations := store.TableNamed("organizations")
	rows := DumpRows(organizations, 1)
	rows[0][organizations.Column("erased_at")] = store.EncodeTime(at(7))
	f.must(f.Load(f.Context(), func(tx store.LoadTx) error { return tx.Insert(organizations, Each(rows)) }))
	f.dump(func(v store.DumpView) { f.wantRows(v, organizations, rows) })
	c := f.newCredential(store.DecodeUUID(rows[0][organizations.Column("id")]))
	f.refused(f.try(func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) }), store.ErrErased)
}

// read returns all rows of a table.
func (f *dumps) read(v store.DumpView, t store.Table) []store.Row {
	f.Helper()
	var all []store.Row
	for r, err := range v.Rows(t) {
		f.must(err)
		all = append(all, r.Clone())
	}
	return all
}

// wantRows checks that a view has these rows, in this order.
func (f *dumps) wantRows(v store.DumpView, t store.Table, want []store.Row) {
	f.Helper()
	got := f.read(v, t)
	if len(got) != len(want) {
		f.Fatalf("%s has %d rows, want %d", t.Name, len(got), len(want))
	}
	for i := range got {
		if !Same(got[i], want[i]) {
			f.Fatalf("%s, row %d:\ngot  %q\nwant %q", t.Name, i, got[i], want[i])
		}
	}
}

func (f *dumps) dump(fn func(store.DumpView)) {
	f.Helper()
	f.must(f.Dump(f.Context(), func(v store.DumpView) error {
		fn(v)
		return nil
	}))
}

func (f *dumps) empty() {
	f.dump(func(v store.DumpView) {
		for _, t := range store.Tables {
			f.wantRows(v, t, nil)
		}
	})
}

func (f *dumps) whole() {
	rows := f.fill(300)
	f.Whole = f.reopened() // as another process would
	f.dump(func(v store.DumpView) {
		for _, t := range store.Tables {
			f.wantRows(v, t, rows[t.Name])
		}
	})
}

func (f *dumps) projection() {
	rows := f.fill(3)["credentials"]
	part := store.TableNamed("credentials").Only("version", "id")
	var want []store.Row
	for _, r := range rows {
		want = append(want, store.Row{r[store.TableNamed("credentials").Column("version")], r[0]})
	}
	f.dump(func(v store.DumpView) { f.wantRows(v, part, want) })
}

func (f *dumps) notEmpty() {
	f.organization()
	err := f.Load(f.Context(), func(store.LoadTx) error {
		f.Error("the function was run")
		return nil
	})
	f.refused(err, store.ErrNotEmpty)
}

func (f *dumps) failing() {
	err := f.Load(f.Context(), func(tx store.LoadTx) error {
		f.must(tx.Insert(store.TableNamed("organizations"), Each(DumpRows(store.TableNamed("organizations"), 3))))
		return errChanged
	})
	f.refused(err, errChanged)
	f.empty()
}

func (f *dumps) misfits() {
	organizations := store.TableNamed("organizations")
	for _, row := range []store.Row{
		{id(1)},
		{id(1), nil},
		{id(1), []byte{1}},
		{id(1)[1:], store.EncodeTime(at(1))},
	} {
		err := f.Load(f.Context(), func(tx store.LoadTx) error { return tx.Insert(organizations, Each([]store.Row{row})) })
		if err == nil {
			f.Errorf("%q was loaded", row)
		}
	}
	f.empty()
}

func (f *dumps) unchanging() {
	f.fill(2)
	f.dump(func(v store.DumpView) {
		f.credential(uuid.UUID(id(0)))
		f.equal(len(f.read(v, store.TableNamed("credentials"))), 2)
	})
	f.dump(func(v store.DumpView) { f.equal(len(f.read(v, store.TableNamed("credentials"))), 3) })
}

func (f *dumps) left() {
	f.fill(5)
	f.dump(func(v store.DumpView) {
		for _, err := range v.Rows(store.TableNamed("credentials")) {
			f.must(err)
			break
		}
		f.equal(len(f.read(v, store.TableNamed("organizations"))), 5)
	})
}

func (f *dumps) goesOn() {
	events := f.fill(4)["audit_events"]
	c := newChain()
	f.append(c, c.events(uuid.Nil, 2))
	f.snapshot(func(v store.AuditView) {
		all := collect(f.fixture, v.Records())
		f.equal(len(all), len(events)+2)
		f.equal(all[len(all)-1].Chain, c.id)
	})
}

func (f *dumps) asTransaction() {
	c := newChain()
	records := c.events(uuid.Nil, 1)
	f.must(f.Load(f.Context(), func(tx store.LoadTx) error {
		t := store.TableNamed("organizations")
		if err := tx.Insert(t, Each(DumpRows(t, 2))); err != nil {
			return err
		}
		f.wantRows(tx, t, DumpRows(t, 2))
		t = store.TableNamed("audit_events")
		if err := tx.Insert(t, Each(DumpRows(t, 2))); err != nil {
			return err
		}
		return tx.Nested(func() error { return tx.AppendAudit(records, c.head()) })
	}))
	f.equal(len(f.stored()), 3)
}

func (f *dumps) cancelled() {
	ctx, cancel := context.WithCancel(f.Context())
	cancel()
	f.refused(f.Dump(ctx, func(store.DumpView) error { return nil }), context.Canceled)
	f.refused(f.Load(ctx, func(store.LoadTx) error { return nil }), context.Canceled)
	f.empty()
}

func (f *dumps) errors() {
	broken := errors.New("no more rows")
	f.refused(f.Dump(f.Context(), func(store.DumpView) error { return broken }), broken)
	f.refused(f.Load(f.Context(), func(tx store.LoadTx) error {
		return tx.Insert(store.TableNamed("organizations"), func(yield func(store.Row, error) bool) { yield(nil, broken) })
	}), broken)
	f.empty()
}
