package rekey_test

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/custody"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

func data() secret.Value { return secret.New([]byte("data")) }

func TestAnErasedOrganizationIsGoneForGood(t *testing.T) {
	s := setup(t)
	all := s.furnish()
	kept := s.records(store.SealedCredentials)
	done, err := s.Erase(t.Context(), s.operator())
	s.must(err)
	if done.Before || done.Keys != 1 || done.Credentials != 3 || done.OAuthClients != 1 || done.Remains != "" {
		t.Errorf("%+v", done)
	}
	s.wantEvents(s.organization, strongroom.ActionOrganizationErase, "allowed: keys: 1, credentials: 3, OAuth clients: 1, service accounts: 0, API keys: 0")
	for _, kind := range store.SealedKinds {
		if n := len(s.records(kind)); n != 0 {
			t.Errorf("%d of %s are left", n, kind)
		}
	}
	// A process that has never had the key does not open what was kept elsewhere.
	s.sealer.Sealer = seal.New(s.root, custody.OrganizationKeys(s.store, s.Audit, s.Clock), s.Clock, nil)
	_, err = s.sealer.Open(t.Context(), all[0].binding, kept[0].Sealed)
	s.refused(err, seal.ErrUnknownKey)
	// And none makes another key.
	_, err = s.sealer.Seal(t.Context(), all[0].binding, data())
	s.refused(err, store.ErrErased)
	done, err = s.Erase(t.Context(), s.operator())
	if err != nil || !done.Before || done.Keys != 0 {
		t.Errorf("again: %+v, %v", done, err)
	}
	s.wantEvents(s.organization, strongroom.ActionOrganizationErase, "allowed: keys: 1, credentials: 3, OAuth clients: 1, service accounts: 0, API keys: 0")
}

func TestWhoErasesWhat(t *testing.T) {
	s := setup(t)
	_, err := s.Erase(t.Context(), strongroom.Operator(uuid.New(), ""))
	s.wantCode(err, strongroom.CodeNotFound)
	_, err = s.Erase(t.Context(), strongroom.Unattended(s.organization))
	s.wantCode(err, strongroom.CodeForbidden)
	if _, err := s.store.Organization(t.Context(), s.organization); err != nil {
		t.Error(err)
	}
}

func TestTheStatusSaysWhichKeySealsWhat(t *testing.T) {
	s := setup(t)
	s.furnish()
	s.signingKey()
	_, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	s.must(err)
	first := s.organization
	s.organization = uuid.Must(uuid.NewV7())
	s.write(func(tx store.Tx) error { return tx.EnsureOrganization(s.organization, s.now) })
	c := s.credential("x")
	s.write(func(tx store.Tx) error {
		_, err := tx.ReplaceSealed(s.organization, store.SealedCredentials, []store.Resealed{{ID: c.ID, Old: c.Sealed, New: []byte("of no form at all")}})
		return err
	})
	status, err := rekey.Look(t.Context(), s.store, uuid.Nil)
	s.must(err)
	if status.Installation.RootFingerprint != s.root.Fingerprint() || len(status.Organizations) != 2 || len(status.Signing) != 1 || status.Signing[0].WrappedPrivate != nil {
		t.Fatalf("%+v", status)
	}
	of := status.Organizations[0]
	if of.ID != first || len(of.Keys) != 2 || of.Keys[0].Records() != 0 || of.Keys[1].Records() != 6 || of.Keys[1].Sealed[store.SealedCredentials] != 3 || of.Older() != 0 || of.Lost != 0 || of.Keys[0].Wrapped != nil {
		t.Errorf("%+v", of)
	}
	if of := status.Organizations[1]; of.Lost != 1 || of.Keys[0].Records() != 0 {
		t.Errorf("%+v", of)
	}
	one, err := rekey.Look(t.Context(), s.store, first)
	if err != nil || len(one.Organizations) != 1 || one.Organizations[0].Keys[1].Records() != 6 {
		t.Errorf("%+v, %v", one, err)
	}
	_, err = rekey.Look(t.Context(), s.store, uuid.New())
	s.wantCode(err, strongroom.CodeNotFound)
}
