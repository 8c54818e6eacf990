package backup

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
	"strongroom/internal/store/storetest"
)

// rowsOf returns all rows of a database, by table.
func rowsOf(t *testing.T, from store.Dumper) map[string][]store.Row {
	t.Helper()
	all := map[string][]store.Row{}
	must(t, from.Dump(t.Context(), func(v store.DumpView) error {
		for _, table := range store.Tables {
			for row, err := range v.Rows(table) {
				if err != nil {
					return err
				}
				all[table.Name] = append(all[table.Name], row.Clone())
			}
		}
		return nil
	}))
	return all
}

// wantRestored fails the test unless a database has what another had, and in its audit log
// the restore's own chain besides.
func wantRestored(t *testing.T, got, want map[string][]store.Row) {
	t.Helper()
	for _, table := range store.Tables {
		name := table.Name
		switch more := len(got[name]) - len(want[name]); {
		case name == "audit_heads" && more == 1, name == "audit_events" && more == 3, name == "audit_checkpoints" && more >= 1:
			continue // what was there before is compared by the digest, and by verification
		case more != 0 || !slices.EqualFunc(got[name], want[name], storetest.Same):
			t.Errorf("%s has %d rows, and should have the %d of before", name, len(got[name]), len(want[name]))
		}
	}
}

func TestARestoredDatabaseIsTheOldOne(t *testing.T) {
	s := newScene(t)
	s.furnish()
	deleted := s.credential(s.organization)
	s.write(func(tx store.Tx) error { return tx.DeleteCredential(s.organization, deleted.ID, s.now, uuid.New()) })
	data := s.backup()
	into := s.open("restored.db")
	s.now = began.Add(time.Hour)
	r, err := Restore(t.Context(), s.options(data), into, operator)
	must(t, err)
	wantRestored(t, rowsOf(t, into), rowsOf(t, s.db))
	trusted, err := s.trust(t.Context(), must2(into.SigningKeys(t.Context())))
	must(t, err)
	found, err := audit.Verify(t.Context(), into, audit.VerifyOptions{Keys: trusted.Keys})
	if must(t, err); !found.OK() {
		t.Errorf("the log: %+v", found.Problems)
	}
	events, err := into.ListEvents(t.Context(), uuid.Nil, strongroom.EventQuery{Limit: 9, Action: strongroom.ActionDatabaseRestore})
	must(t, err)
	if len(events) != 1 {
		t.Fatalf("the restore is on record %d times", len(events))
	}
	e, err := audit.Decode(events[0])
	if must(t, err); e.PrincipalKind != strongroom.KindOperator || e.Note != "backup of 2031-03-14T15:00:00.000Z, SHA-256 "+r.Digest {
		t.Errorf("on record is %+v", e)
	}
	// Nothing is restored over anything.
	_, err = Restore(t.Context(), s.options(data), into, operator)
	wantRefused(t, err, "the database is not empty, and nothing is restored over anything")
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestFromOneDatabaseToTheOtherAndBack: what is one machine's becomes many machines'.
func TestFromOneDatabaseToTheOtherAndBack(t *testing.T) {
	s := newScene(t)
	s.furnish()
	for range 3 {
		s.credential(s.newOrganization())
	}
	s.backup()
	must(t, s.log.Close(t.Context()))
	before := rowsOf(t, s.db)
	data := s.backupAgain()

	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	many, err := postgres.Open(t.Context(), postgres.Options{URL: d.OwnerURL, Whole: true})
	must(t, err)
	defer many.Close()
	_, err = Restore(t.Context(), s.options(data), many, operator)
	must(t, err)
	inMany := rowsOf(t, many)
	wantRestored(t, inMany, before)

	from := s.create()
	s.now = s.now.Add(time.Hour)
	from.From = many
	done, err := Create(t.Context(), from)
	must(t, err)
	again := s.open("again.db")
	_, err = Restore(t.Context(), s.options(done.Data), again, operator)
	must(t, err)
	wantRestored(t, rowsOf(t, again), inMany)
	if r := s.check(done.Data); !r.OK() {
		t.Errorf("the second backup: %v", r.Problems)
	}
}

// failing is a target that fails in the middle.
type failing struct {
	store.Loader
	at string
}

func (f failing) Load(ctx context.Context, fn func(store.LoadTx) error) error {
	return f.Loader.Load(ctx, func(tx store.LoadTx) error { return fn(failingTx{tx, f.at}) })
}

type failingTx struct {
	store.LoadTx
	at string
}

var errFull = errors.New("the disk is full")

func (f failingTx) Insert(t store.Table, rows iter.Seq2[store.Row, error]) error {
	if t.Name == f.at {
		return errFull
	}
	if f.at == "lost "+t.Name {
		for range rows { // as a database that keeps nothing and says nothing
		}
		return nil
	}
	return f.LoadTx.Insert(t, rows)
}

func (f failingTx) AppendAudit(r []store.AuditRecord, h store.AuditHead) error {
	if f.at == "the log" {
		return errFull
	}
	return f.LoadTx.AppendAudit(r, h)
}

// TestARestoreThatFailsLeavesNothing, and can be begun anew.
func TestARestoreThatFailsLeavesNothing(t *testing.T) {
	s := newScene(t)
	s.furnish()
	data := s.backup()
	into := s.open("restored.db")
	for at, words := range map[string]string{
		"organization_keys": "table organization_keys cannot be restored: the disk is full",
		"audit_events":      "table audit_events cannot be restored: the disk is full",
		"the log":           "the restore cannot be put on record",
		"lost api_keys":     "table api_keys does not read as it was written",
	} {
		_, err := Restore(t.Context(), s.options(data), failing{into, at}, operator)
		wantRefused(t, err, words)
		for name, rows := range rowsOf(t, into) {
			if len(rows) > 0 {
				t.Errorf("%s: %s has %d rows", at, name, len(rows))
			}
		}
	}
	_, err := Restore(t.Context(), s.options(data), into, operator)
	must(t, err)
}

// TestWhatWasDueMayNeedConsent where the database of before cannot be looked at.
func TestWhatWasDueMayNeedConsent(t *testing.T) {
	s := newScene(t)
	due := s.credential(s.organization, renewable(began.Add(time.Minute)))
	s.credential(s.organization, renewable(began.Add(48*time.Hour)))
	s.credential(s.organization, renewable(began.Add(time.Minute)), func(c *store.SealedCredential) { c.Provider = "keeps-its-refresh-tokens" })
	s.credential(s.organization, renewable(began.Add(time.Minute)), func(c *store.SealedCredential) { c.Status = strongroom.StatusNeedsReauth })
	s.credential(s.organization)
	data := s.backup()
	s.now = began.Add(time.Hour)
	r := s.check(data)
	if r.Since.Compared || r.Since.ConsentCount != 1 || r.Since.Consent[0].ID != due.ID || !r.OK() {
		t.Fatalf("found %+v", r.Since)
	}
	into := s.open("restored.db")
	_, err := Restore(t.Context(), s.options(data), into, operator)
	must(t, err)
	all, err := into.ListCredentials(t.Context(), s.organization, store.CredentialFilter{Page: strongroom.Page{Limit: 9}})
	must(t, err)
	for _, c := range all {
		if doubtful := c.Status == strongroom.StatusUncertain; doubtful != (c.ID == due.ID) {
			t.Errorf("%s is %s", c.ID, c.Status)
		} else if doubtful && (c.Renewal.Reason != strongroom.ReasonAnswerLost || !c.Renewal.Since.Equal(s.now) || !strings.Contains(*c.RefreshError, "Restored from a backup of 2031-03-14T15:00:00.000Z")) {
			t.Errorf("it says %+v, %s", c.Renewal, *c.RefreshError)
		}
	}
}

// TestWhatHasChangedSince where the database of before can be looked at.
func TestWhatHasChangedSince(t *testing.T) {
	s := newScene(t)
	key := s.furnish()
	renewed := s.credential(s.organization, renewable(began.Add(time.Minute)))
	untouched := s.credential(s.organization, renewable(began.Add(time.Minute)))
	lost := s.credential(s.organization, renewable(began.Add(time.Minute)))
	replaced, deleted := s.credential(s.organization), s.credential(s.organization)
	data := s.backup()
	s.now = began.Add(time.Hour)
	at := began.Add(2 * time.Minute)
	s.write(func(tx store.Tx) error {
		fence, err := tx.LeaseRenewal(s.organization, store.RenewalLease{ID: renewed.ID, Version: 1, Now: at, Until: at.Add(time.Minute)})
		_, lease := tx.LeaseRenewal(s.organization, store.RenewalLease{ID: lost.ID, Version: 1, Now: at, Until: at.Add(time.Minute)})
		return errors.Join(err, lease,
			tx.EndRenewal(s.organization, store.RenewalEnd{ID: renewed.ID, Version: 1, Fence: fence, Status: strongroom.StatusActive, Renewed: &store.RenewedData{Sealed: []byte{1}, At: at}}),
			tx.UpdateCredential(s.organization, store.CredentialChange{ID: replaced.ID, From: 1, Name: "new", Type: "oauth2", Sealed: []byte{1}, Status: strongroom.StatusActive, UpdatedAt: at}),
			tx.DeleteCredential(s.organization, deleted.ID, at, uuid.New()),
			tx.DeleteAPIKey(&s.organization, key.ServiceAccountID, key.ID))
	})
	s.credential(s.organization) // which the backup does not know
	o := s.options(data)
	o.Previous = s.db
	r, err := Check(t.Context(), o)
	must(t, err)
	if !r.OK() || !r.Since.Compared {
		t.Fatalf("found %+v", r)
	}
	ids := func(list []Changed) (ids []uuid.UUID) {
		for _, c := range list {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if got, want := ids(r.Since.Consent), []uuid.UUID{renewed.ID, lost.ID}; !slices.Equal(got, want) || !r.Since.Consent[0].At.Equal(at) {
		t.Errorf("consent: %v, want %v", r.Since.Consent, want)
	}
	if got := ids(r.Since.Replaced); !slices.Equal(got, []uuid.UUID{replaced.ID}) {
		t.Errorf("replaced: %v", got)
	}
	if got := ids(r.Since.Revived); !slices.Equal(got, []uuid.UUID{deleted.ID, key.ID}) {
		t.Errorf("revived: %v", got)
	}
	into := s.open("restored.db")
	_, err = Restore(t.Context(), o, into, operator)
	must(t, err)
	for id, want := range map[uuid.UUID]strongroom.CredentialStatus{renewed.ID: strongroom.StatusUncertain, lost.ID: strongroom.StatusUncertain, untouched.ID: strongroom.StatusActive} {
		if c := must2(into.LocateCredential(t.Context(), id)); c.Status != want {
			t.Errorf("%s is %s, want %s", id, c.Status, want)
		}
	}
}

// TestADatabaseThatCannotBeComparedWith is no reason not to restore.
func TestADatabaseThatCannotBeComparedWith(t *testing.T) {
	s, other := newScene(t), newScene(t)
	due := s.credential(s.organization, renewable(began.Add(time.Minute)))
	data := s.backup()
	s.now = began.Add(time.Hour)
	closed := s.open("closed.db")
	must(t, closed.Close())
	for words, previous := range map[string]store.Dumper{
		"nothing is in it":             s.open("empty.db"),
		"it is another installation's": other.db,
		"it has been closed":           closed,
		"the table is torn":            torn{s.db},
	} {
		o := s.options(data)
		o.Previous = previous
		r, err := Check(t.Context(), o)
		must(t, err)
		if r.Since.Compared || !strings.Contains(r.Since.Why, words) || len(r.Since.Consent) != 1 || r.Since.Consent[0].ID != due.ID || r.Records != 1 {
			t.Errorf("%s: found %+v", words, r.Since)
		}
	}
}

// torn is a database that turns out to be damaged once it is read.
type torn struct{ store.Dumper }

func (d torn) Dump(ctx context.Context, fn func(store.DumpView) error) error {
	return d.Dumper.Dump(ctx, func(v store.DumpView) error { return fn(tornView{v}) })
}

type tornView struct{ store.DumpView }

func (v tornView) Rows(t store.Table) iter.Seq2[store.Row, error] {
	if t.Name == "credentials" {
		return func(yield func(store.Row, error) bool) { yield(nil, errors.New("the table is torn")) }
	}
	return v.DumpView.Rows(t)
}

// TestKeysOfYoungerOrganizationsAreKept: newer backups need them, and the next one replaces
// the keys file.
func TestKeysOfYoungerOrganizationsAreKept(t *testing.T) {
	s := newScene(t)
	s.furnish()
	data := s.backup()
	young := s.newOrganization()
	s.credential(young)
	newer := s.backupAgain()
	into := s.open("restored.db")
	_, err := Restore(t.Context(), s.options(data), into, operator)
	must(t, err)
	s.now = s.now.Add(time.Minute)
	o := s.create()
	o.From = into
	_, err = Create(t.Context(), o)
	must(t, err)
	if r := s.check(newer); !r.OK() || len(r.Erased) != 0 {
		t.Errorf("the newer backup does not open any more: %v, %v", r.Problems, r.Erased)
	}
}
