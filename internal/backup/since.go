package backup

import (
	"bytes"
	"iter"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// Changes are what has happened since the backup began, as far as can be known, and a
// restore does not bring back.
type Changes struct {
	// Compared says that they were read from the database as it is now; otherwise Why says
	// why not, and only Consent is known, by what was due.
	Compared bool
	Why      string
	// Consent are OAuth credentials whose refresh token may have been replaced since: then
	// the provider refuses the one in the backup, and somebody has to connect them anew.
	Consent []Changed
	// Replaced are credentials whose data was replaced or rotated since: the old is in the
	// backup.
	Replaced []Changed
	// Revived are credentials and API keys that were deleted since: they would be back.
	Revived []Changed

	ConsentCount, ReplacedCount, RevivedCount int
}

// Changed names a credential or an API key, and what is known of the change.
type Changed struct {
	// Table is "credentials" or "api_keys".
	Table    string
	ID       uuid.UUID
	Owner    uuid.UUID // the organization; nil for a system account's key
	Name     string
	Provider string
	// At is when it was renewed; nil: not known.
	At *time.Time
}

// since finds the changes, row by row, beside a database whose rows come in the same order.
type since struct {
	*checked
	changes     Changes
	credentials *follower
	keys        *follower
	previous    store.DumpView
}

// What is compared. The id comes first.
var (
	comparedCredentials = []string{"id", "version", "last_refreshed_at", "deleted_at", "status", "leased_until"}
	comparedKeys        = []string{"id"}
)

func newSince(c *checked, previous store.DumpView) *since {
	s := &since{checked: c, previous: previous}
	if s.changes.Compared = previous != nil; !s.changes.Compared {
		s.changes.Why = c.NoPrevious
	}
	return s
}

// row compares a row of the backup.
func (s *since) row(t store.Table, row store.Row) error {
	if s.checked.keys.Erased[store.DecodeUUID(row[t.Column("organization_id")])] != nil {
		return nil
	}
	switch t.Name {
	case "credentials":
		return s.credential(t, row)
	case "api_keys":
		return s.key(t, row)
	}
	return nil
}

func (s *since) credential(t store.Table, row store.Row) error {
	get := func(name string) []byte { return row[t.Column(name)] }
	if get("deleted_at") != nil {
		return nil
	}
	what := Changed{
		Table: t.Name, ID: store.DecodeUUID(get("id")), Owner: store.DecodeUUID(get("organization_id")),
		Name: string(get("name")), Provider: string(get("provider")),
	}
	// A grant that was dead is dead; a provider that does not replace refresh tokens takes
	// an old one.
	renewable := (get("stale_at") != nil || get("renew_at") != nil) && s.Rotates(what.Provider) &&
		string(get("status")) != string(strongroom.StatusNeedsReauth)
	if s.previous == nil {
		if renewable && (s.past(get("renew_at")) || s.past(get("stale_at"))) {
			s.mayNeedConsent(what)
		}
		return nil
	}
	if s.credentials == nil {
		s.credentials = follow(s.previous.Rows(t.Only(comparedCredentials...)))
	}
	now, err := s.credentials.find(get("id"))
	if err != nil || now == nil {
		return err
	}
	version, refreshed, deleted, status, leased := now[1], now[2], now[3], now[4], now[5]
	renewed := !bytes.Equal(refreshed, get("last_refreshed_at")) && refreshed != nil
	moved := store.DecodeInt(version) > store.DecodeInt(get("version"))
	switch {
	case deleted != nil:
		s.revived(what)
	case renewed && renewable:
		at := store.DecodeTime(refreshed)
		what.At = &at
		s.mayNeedConsent(what)
	case renewable && !moved && (leased != nil || string(status) == string(strongroom.StatusUncertain)):
		// An attempt is under way, or its answer was lost.
		s.mayNeedConsent(what)
	case moved && !renewed:
		s.changes.ReplacedCount++
		s.changes.Replaced = listed(s.changes.Replaced, what)
	}
	return nil
}

func (s *since) past(v []byte) bool { return v != nil && !store.DecodeTime(v).After(s.now) }

func (s *since) mayNeedConsent(what Changed) {
	s.consent[what.ID] = true
	s.changes.ConsentCount++
	s.changes.Consent = listed(s.changes.Consent, what)
}

func (s *since) revived(what Changed) {
	s.changes.RevivedCount++
	s.changes.Revived = listed(s.changes.Revived, what)
}

func listed(list []Changed, what Changed) []Changed {
	if len(list) < MaxListed {
		list = append(list, what)
	}
	return list
}

// key finds keys that were deleted since.
func (s *since) key(t store.Table, row store.Row) error {
	if s.previous == nil {
		return nil
	}
	if s.keys == nil {
		s.credentials.close()
		s.keys = follow(s.previous.Rows(t.Only(comparedKeys...)))
	}
	now, err := s.keys.find(row[t.Column("id")])
	if err == nil && now == nil {
		s.revived(Changed{
			Table: t.Name, ID: store.DecodeUUID(row[t.Column("id")]), Owner: store.DecodeUUID(row[t.Column("organization_id")]),
			Name: string(row[t.Column("token_prefix")]),
		})
	}
	return err
}

func (s *since) close() {
	s.credentials.close()
	s.keys.close()
}

// follower goes through rows in order of their first column beside somebody who goes
// through others in the same order.
type follower struct {
	next func() (store.Row, error, bool)
	stop func()
	row  store.Row
	over bool
}

func follow(rows iter.Seq2[store.Row, error]) *follower {
	f := &follower{}
	f.next, f.stop = iter.Pull2(rows)
	return f
}

// find returns the row of this id, good until the next one is looked for; nil: there is none.
func (f *follower) find(id []byte) (store.Row, error) {
	for !f.over && (f.row == nil || bytes.Compare(f.row[0], id) < 0) {
		row, err, more := f.next()
		if err != nil {
			return nil, err
		}
		f.row, f.over = row, !more
	}
	if f.over || !bytes.Equal(f.row[0], id) {
		return nil, nil
	}
	return f.row, nil
}

func (f *follower) close() {
	if f != nil {
		f.stop()
	}
}
