package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

// under is something sealed under a version of a key.
func under(version int64, more ...byte) []byte {
	return append(stored.SealedUnder(version), append([]byte{0, 0xff}, more...)...)
}

// sealedOf has one record of each kind, all under the version; the credentials are two, of
// which one is deleted.
func (f *fixture) sealedOf(organization uuid.UUID, version int64) map[store.SealedKind][]store.SealedRecord {
	f.Helper()
	sealed := under(version)
	of := func(c *store.SealedCredential) { c.Sealed = sealed }
	live, deleted := f.credential(organization, of), f.credential(organization, of)
	f.remove(deleted)
	client := f.newClient(organization, "google")
	client.Sealed = sealed
	flow := f.newFlow(organization, at(1))
	flow.Sealed = sealed
	rotation := f.rotation(live, func(r *store.SealedRotation) { r.Sealed = sealed })
	f.write(func(tx store.Tx) error {
		if err := tx.SaveOAuthClient(client); err != nil {
			return err
		}
		return tx.CreateOAuthFlow(flow, 9)
	})
	return map[store.SealedKind][]store.SealedRecord{
		store.SealedCredentials:  {{ID: live.ID, Version: 1, Sealed: sealed}, {ID: deleted.ID, Version: 1, Sealed: sealed}},
		store.SealedOAuthClients: {{ID: client.ID, Version: 1, Sealed: sealed}},
		store.SealedOAuthFlows:   {{ID: flow.ID, Version: 1, Sealed: sealed}},
		store.SealedRotations:    {{ID: rotation.ID, Version: 1, Sealed: sealed}},
	}
}

func (f *fixture) records(organization uuid.UUID, q store.SealedQuery) []store.SealedRecord {
	f.Helper()
	found, err := f.SealedRecords(f.Context(), organization, q)
	f.must(err)
	return found
}

// testSealed is long: it is a table, whose rows are the cases.
func testSealed(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"every kind's records are found, but for those under one version": func(f *fixture) {
			organization := f.organization()
			all := f.sealedOf(organization, 2)
			f.sealedOf(f.organization(), 2)
			for _, kind := range store.SealedKinds {
				f.equal(f.records(organization, store.SealedQuery{Kind: kind, ButVersion: 3, Limit: 9}), all[kind])
				f.equal(len(f.records(organization, store.SealedQuery{Kind: kind, ButVersion: 2, Limit: 9})), 0)
				for _, other := range []uuid.UUID{f.organization(), uuid.Nil} {
					f.equal(len(f.records(other, store.SealedQuery{Kind: kind, Limit: 9})), 0)
				}
			}
			first := f.records(organization, store.SealedQuery{Kind: store.SealedCredentials, Limit: 1})
			f.equal(first, all[store.SealedCredentials][:1])
			f.equal(f.records(organization, store.SealedQuery{Kind: store.SealedCredentials, After: first[0].ID, Limit: 9}), all[store.SealedCredentials][1:])
		},
		"a record's own version comes with it": func(f *fixture) {
			organization := f.organization()
			c := f.credential(organization)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(organization, change(c)) })
			client := f.client(organization, "box")
			client.Version = 2
			f.write(func(tx store.Tx) error { return tx.SaveOAuthClient(client) })
			for _, kind := range []store.SealedKind{store.SealedCredentials, store.SealedOAuthClients} {
				f.equal(f.records(organization, store.SealedQuery{Kind: kind, Limit: 9})[0].Version, int64(2))
			}
		},
		"what has ended is sealed no more": func(f *fixture) {
			organization := f.organization()
			f.sealedOf(organization, 1)
			flow := f.flow(organization, at(1))
			f.write(func(tx store.Tx) error { return tx.EndOAuthFlow(organization, flow.StateHash, []byte(`{}`)) })
			f.equal(len(f.records(organization, store.SealedQuery{Kind: store.SealedOAuthFlows, Limit: 9})), 1)
		},
		"a ciphertext is put in another's place and nothing else changes": func(f *fixture) {
			organization := f.organization()
			for kind, records := range f.sealedOf(organization, 1) {
				var resealed []store.Resealed
				for i, r := range records {
					resealed = append(resealed, store.Resealed{ID: r.ID, Old: r.Sealed, New: under(2, byte(i))})
					records[i].Sealed = under(2, byte(i))
				}
				f.equal(f.replace(organization, kind, resealed), len(records))
				f.equal(f.records(organization, store.SealedQuery{Kind: kind, Limit: 9}), records)
				f.equal(f.replace(organization, kind, resealed), 0)
				f.equal(f.replace(organization, kind, nil), 0)
			}
			c := f.credential(organization)
			f.equal(f.replace(organization, store.SealedCredentials, []store.Resealed{{ID: c.ID, Old: c.Sealed, New: under(3)}}), 1)
			c.Sealed = under(3)
			f.equal(f.sealed(organization, c.ID), c)
		},
		"what was changed meanwhile, or is another's, is left as it is": func(f *fixture) {
			organization := f.organization()
			changed, kept := f.credential(organization), f.credential(organization)
			newer := change(changed)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(organization, newer) })
			both := []store.Resealed{{ID: changed.ID, Old: changed.Sealed, New: under(2)}, {ID: kept.ID, Old: kept.Sealed, New: under(2)}}
			for _, other := range []uuid.UUID{f.organization(), uuid.Nil} {
				f.equal(f.replace(other, store.SealedCredentials, both), 0)
			}
			f.equal(f.replace(organization, store.SealedCredentials, both), 1)
			f.equal(f.sealed(organization, changed.ID).Sealed, newer.Sealed)
			f.equal(f.sealed(organization, kept.ID).Sealed, under(2))
		},
		"no kind is none of those there are": func(f *fixture) {
			if _, err := f.SealedRecords(f.Context(), f.organization(), store.SealedQuery{Kind: "else", Limit: 1}); err == nil {
				f.Error("records were found")
			}
			if err := f.try(func(tx store.Tx) error { _, err := tx.ReplaceSealed(uuid.New(), "else", nil); return err }); err == nil {
				f.Error("records were replaced")
			}
		},
		"records are counted by organization, kind and key version": func(f *fixture) {
			first, second := f.organization(), f.organization()
			f.sealedOf(first, 1)
			f.sealedOf(second, 300)
			f.credential(second, func(c *store.SealedCredential) { c.Sealed = under(2) })
			f.credential(second, func(c *store.SealedCredential) { c.Sealed = []byte("of no form") })
			f.credential(second, func(c *store.SealedCredential) { c.Sealed = []byte("or another") })
			ofFirst := []store.SealedCount{
				{OrganizationID: first, Kind: store.SealedCredentials, KeyVersion: 1, Count: 2}, {OrganizationID: first, Kind: store.SealedOAuthClients, KeyVersion: 1, Count: 1},
				{OrganizationID: first, Kind: store.SealedOAuthFlows, KeyVersion: 1, Count: 1}, {OrganizationID: first, Kind: store.SealedRotations, KeyVersion: 1, Count: 1},
			}
			ofSecond := []store.SealedCount{
				{OrganizationID: second, Kind: store.SealedCredentials, KeyVersion: 2, Count: 1}, {OrganizationID: second, Kind: store.SealedCredentials, KeyVersion: 300, Count: 2},
				{OrganizationID: second, Kind: store.SealedCredentials, Count: 2}, {OrganizationID: second, Kind: store.SealedOAuthClients, KeyVersion: 300, Count: 1},
				{OrganizationID: second, Kind: store.SealedOAuthFlows, KeyVersion: 300, Count: 1}, {OrganizationID: second, Kind: store.SealedRotations, KeyVersion: 300, Count: 1},
			}
			for organization, want := range map[uuid.UUID][]store.SealedCount{first: ofFirst, second: ofSecond, uuid.Nil: append(ofFirst, ofSecond...), uuid.New(): nil} {
				got, err := f.CountSealed(f.Context(), organization)
				f.must(err)
				f.equal(got, want)
			}
		},
	})
}

func (f *fixture) replace(organization uuid.UUID, kind store.SealedKind, records []store.Resealed) (replaced int) {
	f.Helper()
	f.write(func(tx store.Tx) (err error) {
		replaced, err = tx.ReplaceSealed(organization, kind, records)
		return err
	})
	return replaced
}
