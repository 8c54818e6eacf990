package storetest

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"iter"
	"slices"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// chain makes links of one chain.
type chain struct {
	id       uuid.UUID
	sequence int64
}

func newChain() *chain { return &chain{id: uuid.New()} }

// link makes the next record, of the event.
func (c *chain) link(e strongroom.Event) store.AuditRecord {
	c.sequence++
	body, err := json.Marshal(e)
	if err != nil {
		panic(err) // an Event always has a JSON form
	}
	return store.AuditRecord{
		Chain: c.id, Sequence: c.sequence, At: e.Time, OrganizationID: e.OrganizationID,
		Hash: sha256.Sum256(binary.BigEndian.AppendUint64(c.id[:], uint64(c.sequence))), Body: body,
	}
}

// head is the chain's end as it is now.
func (c *chain) head() store.AuditHead {
	return store.AuditHead{
		Chain: c.id, Sequence: c.sequence, Hash: sha256.Sum256([]byte{byte(c.sequence)}), KeyID: uuid.NewMD5(c.id, nil),
		Signature: []byte{0, byte(c.sequence), 0xff}, UpdatedAt: at(int(c.sequence)),
	}
}

// events makes n records of the organization.
func (c *chain) events(organization uuid.UUID, n int) []store.AuditRecord {
	records := make([]store.AuditRecord, n)
	for i := range records {
		records[i] = c.link(strongroom.Event{
			Time: at(int(c.sequence)), Action: strongroom.ActionCredentialRead, Outcome: strongroom.OutcomeAllowed,
			OrganizationID: organization,
		})
	}
	return records
}

// append writes records and the head they lead to.
func (f *fixture) append(c *chain, records []store.AuditRecord) {
	f.Helper()
	written := slices.Clone(records)
	for i, r := range written {
		written[i].Index = store.IndexOf(r.Body)
	}
	f.write(func(tx store.Tx) error { return tx.AppendAudit(written, c.head()) })
}

// collect reads a sequence to its end.
func collect[T any](f *fixture, sequence iter.Seq2[T, error]) (all []T) {
	f.Helper()
	for v, err := range sequence {
		f.must(err)
		all = append(all, v)
	}
	return all
}

// snapshot looks at the audit log.
func (f *fixture) snapshot(fn func(v store.AuditView)) {
	f.Helper()
	f.must(f.AuditSnapshot(f.Context(), func(v store.AuditView) error { fn(v); return nil }))
}

// stored are all records in order of cursor, with the cursors taken off.
func (f *fixture) stored() (all []store.AuditRecord) {
	f.Helper()
	f.snapshot(func(v store.AuditView) { all = collect(f, v.Records()) })
	last := int64(0)
	for i := range all {
		if all[i].Cursor <= last {
			f.Fatalf("cursor %d follows %d", all[i].Cursor, last)
		}
		last, all[i].Cursor = all[i].Cursor, 0
	}
	return all
}

func testAuditLog(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for the head of a chain that has none": func(f *fixture) {
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.AuditHead(uuid.New()); return err }), store.ErrNotFound)
		},
		"ErrDuplicate for a sequence that the chain has, and nothing is appended": func(f *fixture) {
			c := newChain()
			kept := c.events(uuid.Nil, 2)
			f.append(c, kept)
			head, fork := c.head(), &chain{id: c.id, sequence: 1}
			forked := fork.events(uuid.Nil, 2)
			f.refused(f.try(func(tx store.Tx) error { return tx.AppendAudit(forked, fork.head()) }), store.ErrDuplicate)
			f.equal(f.stored(), kept)
			f.snapshot(func(v store.AuditView) {
				heads, err := v.Heads()
				f.must(err)
				f.equal(heads, []store.AuditHead{head})
			})
		},
		"records and head read back as they were written, the body byte for byte": func(f *fixture) {
			c := newChain()
			records := c.events(uuid.New(), 2)
			records[1].Body = []byte(`{ "b":1,"a" : "ü\u00fc",  "a":2.50 }`)
			f.append(c, records)
			f.equal(f.stored(), records)
			var head store.AuditHead
			f.write(func(tx store.Tx) (err error) { head, err = tx.AuditHead(c.id); return err })
			f.equal(head, c.head())
		},
		"a head moves with every append": func(f *fixture) {
			c := newChain()
			f.append(c, c.events(uuid.Nil, 1))
			f.append(c, c.events(uuid.Nil, 3))
			f.write(func(tx store.Tx) error {
				head, err := tx.AuditHead(c.id)
				f.equal(head, c.head())
				return err
			})
		},
		"chains of one database do not touch each other": func(f *fixture) {
			first, second := newChain(), newChain()
			a, b := first.events(uuid.Nil, 1), second.events(uuid.Nil, 1)
			f.append(first, a)
			f.append(second, b)
			f.equal(f.stored(), []store.AuditRecord{a[0], b[0]})
		},
	})
}
