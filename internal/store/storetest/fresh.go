package storetest

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// freshRounds is how often each contender creates, changes and deletes.
const freshRounds = 4

// testFreshness holds every read to what was acknowledged before it began, whoever else
// writes, fails or gives up meanwhile: a deleted credential is not read once more, and a
// stored one is not missed.
func testFreshness(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"through one handle":       func(f *fixture) { f.contendFreshly(f.Store) },
		"through another's handle": func(f *fixture) { f.contendFreshly(f.another()) },
	})
}

// contendFreshly has contenders write through the fixture's handle and read through the
// other one, beside somebody whose transactions fail and somebody who gives up.
func (f *fixture) contendFreshly(reader store.Store) {
	done := make(chan struct{})
	var disturbers, writers sync.WaitGroup
	disturbers.Go(func() { f.failUntil(done) })
	disturbers.Go(func() { giveUpUntil(f, reader, done) })
	for range contenders {
		writers.Go(func() {
			for range freshRounds {
				if err := f.live(reader); err != nil {
					f.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	close(done)
	disturbers.Wait()
}

// live creates, changes and deletes a credential of a new organization, and reads after each.
func (f *fixture) live(reader store.Store) error {
	organization, ctx := uuid.Must(uuid.NewV7()), f.Context()
	c := sealedFor(organization)
	err := f.Write(ctx, func(tx store.Tx) error {
		return errors.Join(tx.EnsureOrganization(organization, at(0)), tx.CreateCredential(c, store.CredentialLimits{PerProvider: 5}))
	})
	if err != nil {
		return errors.Join(errors.New("create"), err)
	}
	for version := int64(1); version <= 3; version++ {
		if err := seen(ctx, reader, c, version); err != nil {
			return err
		}
		by := change(c)
		by.From = version
		if err := f.Write(ctx, func(tx store.Tx) error { return tx.UpdateCredential(organization, by) }); err != nil {
			return errors.Join(errors.New("update"), err)
		}
	}
	if err := f.Write(ctx, func(tx store.Tx) error { return tx.DeleteCredential(organization, c.ID, at(9), *c.UserID) }); err != nil {
		return errors.Join(errors.New("delete"), err)
	}
	if _, err := reader.SealedCredential(ctx, organization, c.ID); !errors.Is(err, store.ErrNotFound) {
		return errors.Join(errors.New("a deleted credential was read"), err)
	}
	return nil
}

// seen reads the credential in each way there is and wants the version.
func seen(ctx context.Context, s store.Store, c store.SealedCredential, version int64) error {
	list, err := s.ListCredentials(ctx, c.OrganizationID, store.CredentialFilter{Page: allOfThem})
	if err != nil || len(list) != 1 || list[0].Version != version {
		return errors.Join(errors.New("an acknowledged version is not listed"), err)
	}
	sealed, err := s.SealedCredential(ctx, c.OrganizationID, c.ID)
	if err != nil || sealed.Version != version {
		return errors.Join(errors.New("an acknowledged version is not read"), err)
	}
	metadata, err := s.Credential(ctx, c.OrganizationID, c.ID)
	if err != nil || metadata.Version != version {
		return errors.Join(errors.New("an acknowledged version's metadata is not read"), err)
	}
	return nil
}

var errTakenBack = errors.New("taken back")

// failUntil writes what is taken back, in part or as a whole, by turns.
func (f *fixture) failUntil(done <-chan struct{}) {
	organization := uuid.Must(uuid.NewV7())
	fail := func(tx store.Tx) error {
		return errors.Join(tx.EnsureOrganization(organization, at(0)), tx.CreateCredential(sealedFor(organization), store.CredentialLimits{}), errTakenBack)
	}
	for nested := false; ; nested = !nested {
		select {
		case <-done:
			return
		default:
		}
		err := f.Write(f.Context(), func(tx store.Tx) error {
			if !nested {
				return fail(tx)
			}
			if err := tx.Nested(func() error { return fail(tx) }); !errors.Is(err, errTakenBack) {
				return err
			}
			return tx.EnsureOrganization(uuid.New(), at(0))
		})
		if err != nil && !errors.Is(err, errTakenBack) {
			f.Errorf("a transaction that is taken back: %v", err)
			return
		}
	}
}

// giveUpUntil reads with contexts that end, and never mind what comes of it.
func giveUpUntil(f *fixture, s store.Store, done <-chan struct{}) {
	for {
		select {
		case <-done:
			return
		default:
		}
		ctx, cancel := context.WithCancel(f.Context())
		var both sync.WaitGroup
		both.Go(cancel)
		both.Go(func() { _, _ = s.ListCredentials(ctx, uuid.New(), store.CredentialFilter{Page: allOfThem}) })
		both.Wait()
	}
}
