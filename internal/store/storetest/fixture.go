package storetest

import (
	"crypto/sha256"
	"errors"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// fixture is a test with an open store on a database of its own.
type fixture struct {
	*testing.T
	store.Store
	open Opener
	// made counts what was made, so that names and times differ.
	made int
}

func setup(t *testing.T, create func(t *testing.T) Opener) *fixture {
	t.Helper()
	f := &fixture{T: t, open: create(t)}
	f.Store = f.another()
	return f
}

// another opens the same database once more, as another process would.
func (f *fixture) another() store.Store {
	f.Helper()
	s := f.open(f.T)
	f.Cleanup(func() {
		if err := s.Close(); err != nil {
			f.Errorf("close: %v", err)
		}
	})
	return s
}

// at is a moment with microseconds that differ from every other's.
func at(n int) time.Time {
	return time.Date(2031, 3, 14, 15, 9, 26, 535_897_000, time.UTC).Add(time.Duration(n) * (time.Second + time.Microsecond))
}

func pointer[T any](v T) *T { return &v }

// must ends the test on an error.
func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatalf("unexpected error: %v", err)
	}
}

// refused ends the test unless the error is the wanted one.
func (f *fixture) refused(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("got error %v, want %v", err, want)
	}
}

// equal ends the test unless both are alike in every field.
func (f *fixture) equal(got, want any) {
	f.Helper()
	if !reflect.DeepEqual(got, want) {
		f.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

// write runs one transaction that must succeed.
func (f *fixture) write(fn func(tx store.Tx) error) {
	f.Helper()
	f.must(f.Write(f.Context(), fn))
}

// try returns what one step of a transaction of its own answers.
func (f *fixture) try(fn func(tx store.Tx) error) error {
	f.Helper()
	return f.Write(f.Context(), fn)
}

// organization makes an organization known.
func (f *fixture) organization() uuid.UUID {
	f.Helper()
	id := uuid.Must(uuid.NewV7())
	f.write(func(tx store.Tx) error { return tx.EnsureOrganization(id, at(0)) })
	return id
}

// newCredential is a credential with only what is required.
func (f *fixture) newCredential(organization uuid.UUID) store.SealedCredential {
	f.made++
	c := sealedFor(organization)
	c.CreatedAt, c.UpdatedAt = at(f.made), at(f.made)
	return c
}

// sealedFor is newCredential for several goroutines: all are made at one time.
func sealedFor(organization uuid.UUID) store.SealedCredential {
	user := uuid.New()
	return store.SealedCredential{
		Credential: strongroom.Credential{
			ID: uuid.Must(uuid.NewV7()), OrganizationID: organization, UserID: &user, Name: "Files",
			Provider: "sftp", Type: "user_password", Status: strongroom.StatusActive, ModifiedBy: user,
			Version: 1, CreatedAt: at(0), UpdatedAt: at(0),
		},
		Sealed: []byte{0, 1, 2, 0xff},
	}
}

// credential stores a new credential after the changes.
func (f *fixture) credential(organization uuid.UUID, changes ...func(*store.SealedCredential)) store.SealedCredential {
	f.Helper()
	c := f.newCredential(organization)
	for _, change := range changes {
		change(&c)
	}
	f.write(func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
	return c
}

// sealed reads a credential that must be there.
func (f *fixture) sealed(organization, id uuid.UUID) store.SealedCredential {
	f.Helper()
	c, err := f.SealedCredential(f.Context(), organization, id)
	f.must(err)
	return c
}

// newAccount is an account with only what is required; of the operator for nil.
func (f *fixture) newAccount(organization *uuid.UUID) strongroom.ServiceAccount {
	f.made++
	id := uuid.Must(uuid.NewV7())
	return strongroom.ServiceAccount{
		ID: id, OrganizationID: organization, Name: "worker " + id.String(), Status: strongroom.ServiceAccountActive,
		ModifiedBy: uuid.New(), CreatedAt: at(f.made), UpdatedAt: at(f.made),
	}
}

// account stores a new account after the changes.
func (f *fixture) account(organization *uuid.UUID, changes ...func(*strongroom.ServiceAccount)) strongroom.ServiceAccount {
	f.Helper()
	a := f.newAccount(organization)
	for _, change := range changes {
		change(&a)
	}
	f.write(func(tx store.Tx) error { return tx.CreateAccount(a) })
	return a
}

// newKey is a key of the account and its hash.
func (f *fixture) newKey(a strongroom.ServiceAccount) (strongroom.APIKey, [32]byte) {
	f.made++
	id := uuid.Must(uuid.NewV7())
	return strongroom.APIKey{
		ID: id, ServiceAccountID: a.ID, OrganizationID: a.OrganizationID, Name: "key", TokenPrefix: "saf_org_01234567",
		ModifiedBy: uuid.New(), CreatedAt: at(f.made), UpdatedAt: at(f.made),
	}, sha256.Sum256(id[:])
}

// key stores a new key of the account after the changes.
func (f *fixture) key(a strongroom.ServiceAccount, changes ...func(*strongroom.APIKey)) (strongroom.APIKey, [32]byte) {
	f.Helper()
	k, hash := f.newKey(a)
	for _, change := range changes {
		change(&k)
	}
	f.write(func(tx store.Tx) error { return tx.CreateAPIKey(k, hash) })
	return k, hash
}
