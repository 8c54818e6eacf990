package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func organizationKey(organization uuid.UUID, version int64) strongroom.OrganizationKey {
	return strongroom.OrganizationKey{
		OrganizationID: organization, Version: version, Wrapped: []byte{0, byte(version), 0xff},
		RootFingerprint: "c0ffee", CreatedAt: at(int(version)),
	}
}

func testKeys(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound in a database that has not been set up": func(f *fixture) {
			_, err := f.Installation(f.Context())
			f.refused(err, store.ErrNotFound)
			organization := f.organization()
			_, err = f.CurrentOrganizationKey(f.Context(), organization)
			f.refused(err, store.ErrNotFound)
			_, err = f.OrganizationKey(f.Context(), organization, 1)
			f.refused(err, store.ErrNotFound)
			keys, err := f.SigningKeys(f.Context())
			f.must(err)
			f.equal(len(keys), 0)
		},
		"ErrDuplicate to set up twice, and the first stays": func(f *fixture) {
			first := store.Installation{ID: uuid.New(), RootFingerprint: "c0ffee", CreatedAt: at(1)}
			f.write(func(tx store.Tx) error { return tx.CreateInstallation(first) })
			second := store.Installation{ID: uuid.New(), RootFingerprint: "decade", CreatedAt: at(2)}
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateInstallation(second) }), store.ErrDuplicate)
			got, err := f.Installation(f.Context())
			f.must(err)
			f.equal(got, first)
		},
		"ErrNotFound for the key of an organization that is not known": func(f *fixture) {
			key := organizationKey(uuid.New(), 1)
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateOrganizationKey(key) }), store.ErrNotFound)
		},
		"ErrDuplicate for a version that exists, and the first stays": func(f *fixture) {
			key := organizationKey(f.organization(), 1)
			f.write(func(tx store.Tx) error { return tx.CreateOrganizationKey(key) })
			again := key
			again.Wrapped = []byte("another")
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateOrganizationKey(again) }), store.ErrDuplicate)
			got, err := f.CurrentOrganizationKey(f.Context(), key.OrganizationID)
			f.must(err)
			f.equal(got, key)
		},
		"every version of an organization's key is kept, and the newest is the current one": func(f *fixture) {
			organization := f.organization()
			for _, version := range []int64{1, 3, 2} {
				f.write(func(tx store.Tx) error { return tx.CreateOrganizationKey(organizationKey(organization, version)) })
			}
			for version := int64(1); version <= 3; version++ {
				got, err := f.OrganizationKey(f.Context(), organization, version)
				f.must(err)
				f.equal(got, organizationKey(organization, version))
			}
			current, err := f.CurrentOrganizationKey(f.Context(), organization)
			f.must(err)
			f.equal(current, organizationKey(organization, 3))
			_, err = f.OrganizationKey(f.Context(), organization, 4)
			f.refused(err, store.ErrNotFound)
		},
		"ErrDuplicate for a signing key's id that is taken": func(f *fixture) {
			key := store.SigningKey{ID: uuid.New(), Public: []byte{1}, WrappedPrivate: []byte{2}, CreatedAt: at(1)}
			f.write(func(tx store.Tx) error { return tx.CreateSigningKey(key) })
			f.refused(f.try(func(tx store.Tx) error { return tx.CreateSigningKey(key) }), store.ErrDuplicate)
		},
		"signing keys come newest first": func(f *fixture) {
			older := store.SigningKey{ID: uuid.New(), Public: []byte{1}, WrappedPrivate: []byte{2, 0}, CreatedAt: at(1)}
			newer := store.SigningKey{ID: uuid.New(), Public: []byte{3}, WrappedPrivate: []byte{4, 0}, CreatedAt: at(2)}
			for _, key := range []store.SigningKey{newer, older} {
				f.write(func(tx store.Tx) error { return tx.CreateSigningKey(key) })
			}
			keys, err := f.SigningKeys(f.Context())
			f.must(err)
			f.equal(keys, []store.SigningKey{newer, older})
		},
	})
}
