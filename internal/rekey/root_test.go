package rekey_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/internal/store"
)

// signingKey stores a key that signs.
func (s *scene) signingKey() store.SigningKey {
	s.Helper()
	key, _, err := rekey.NewSigningKey(s.Context(), s.root, s.Clock)
	s.must(err)
	s.write(func(tx store.Tx) error { return tx.CreateSigningKey(key) })
	return key
}

// wantRoot checks that every key is wrapped by the keeper's root key, and opens.
func (s *scene) wantRoot(root seal.Keeper, organizations, signing int) {
	s.Helper()
	known, err := s.store.Installation(s.Context())
	s.must(err)
	if known.RootFingerprint != root.Fingerprint() {
		s.Errorf("the installation has %s, want %s", known.RootFingerprint, root.Fingerprint())
	}
	keys, err := s.store.OrganizationKeys(s.Context())
	s.must(err)
	for _, k := range keys {
		if _, err := seal.RewrapOrganizationKey(s.Context(), root, sealtest.NewKeeper(s), k); err != nil {
			s.Errorf("the key of %s: %v", k.OrganizationID, err)
		}
	}
	sign, err := s.store.SigningKeys(s.Context())
	s.must(err)
	for _, k := range sign {
		if _, err := rekey.OpenSigningKey(s.Context(), seal.Keepers{root}, k); err != nil {
			s.Errorf("signing key %s: %v", k.ID, err)
		}
	}
	if len(keys) != organizations || len(sign) != signing {
		s.Errorf("%d and %d keys, want %d and %d", len(keys), len(sign), organizations, signing)
	}
}

func TestTheRootKeyIsReplaced(t *testing.T) {
	s := setup(t)
	all := s.furnish()
	s.signingKey()
	next := sealtest.NewFaulty(sealtest.NewKeeper(t))
	last := 0
	moved, err := s.RotateRoot(t.Context(), strongroom.Operator(uuid.Nil, ""), s.root, next, func(done, total int) {
		if last++; done != last || total != 2 {
			t.Errorf("told of %d of %d", done, total)
		}
	})
	s.must(err)
	if moved.From != s.root.Fingerprint() || moved.To != next.Fingerprint() || moved.Organizations != 1 || moved.Signing != 1 || moved.Remains != "" {
		t.Errorf("%+v", moved)
	}
	s.wantRoot(next, 1, 1)
	s.wantUnder(1, all) // the sealer still has the key in its memory
	s.wantEvents(uuid.Nil, strongroom.ActionRootKeyRotate, "allowed: from "+moved.From+" to "+moved.To+": 1 organization keys, 1 signing keys")
	_, err = s.RotateRoot(t.Context(), strongroom.Operator(uuid.Nil, ""), s.root, next, nil)
	s.refused(err, rekey.ErrMovedBefore)
}

func TestKeysThatComeMeanwhileAreRewrappedToo(t *testing.T) {
	s := setup(t)
	s.furnish()
	s.signingKey()
	next := sealtest.NewFaulty(sealtest.NewKeeper(t))
	next.Before(func(context.Context) error {
		next.Before(nil)
		s.organization = uuid.Must(uuid.NewV7())
		s.write(func(tx store.Tx) error { return tx.EnsureOrganization(s.organization, s.now) })
		s.credential("of a new organization")
		return nil
	})
	moved, err := s.RotateRoot(t.Context(), strongroom.Operator(uuid.Nil, ""), s.root, next, nil)
	s.must(err)
	if moved.Organizations != 2 {
		t.Errorf("%+v", moved)
	}
	s.wantRoot(next, 2, 1)
	if n := next.Wraps(); n != 3 {
		t.Errorf("%d keys were wrapped anew, want 3: each once", n)
	}
}

// TestAServerWithTheOldRootKeyAddsNothing: its organization's first key would open for nobody.
func TestAServerWithTheOldRootKeyAddsNothing(t *testing.T) {
	s := setup(t)
	next := sealtest.NewKeeper(t)
	// The server looks which root key it is to use, and then that changes.
	s.root.Before(func(context.Context) error {
		s.root.Before(nil)
		s.write(func(tx store.Tx) error {
			return tx.MoveRoot(store.RootMove{From: s.root.Fingerprint(), To: next.Fingerprint()})
		})
		return nil
	})
	_, err := s.sealer.Seal(t.Context(), seal.Binding{OrganizationID: s.organization, RecordID: uuid.New(), Version: 1}, data())
	s.refused(err, store.ErrOtherRoot)
	_, err = s.sealer.Seal(t.Context(), seal.Binding{OrganizationID: s.organization, RecordID: uuid.New(), Version: 1}, data())
	s.refused(err, seal.ErrWrongRoot)
	s.wantRoot(next, 0, 0)
}

func TestAllOfTheKeysAreReplacedOrNone(t *testing.T) {
	for name, spoil := range map[string]func(s *scene, next *sealtest.Faulty){
		"the new root key is away": func(_ *scene, next *sealtest.Faulty) { next.Fail(errStop) },
		"the old root key is away": func(s *scene, _ *sealtest.Faulty) { s.root.Fail(errStop) },
		"a key does not open": func(s *scene, _ *sealtest.Faulty) {
			other := uuid.Must(uuid.NewV7())
			s.write(func(tx store.Tx) error {
				return errors.Join(tx.EnsureOrganization(other, s.now), tx.CreateOrganizationKey(strongroom.OrganizationKey{OrganizationID: other, Version: 1,
					Wrapped: []byte("of no keeper"), RootFingerprint: s.root.Fingerprint(), CreatedAt: s.now}))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := setup(t)
			s.furnish()
			key := s.signingKey()
			before, err := s.store.OrganizationKeys(t.Context())
			s.must(err)
			next := sealtest.NewFaulty(sealtest.NewKeeper(t))
			spoil(s, next)
			if _, err := s.RotateRoot(t.Context(), strongroom.Operator(uuid.Nil, ""), s.root, next, nil); err == nil {
				t.Fatal("it was replaced")
			}
			after, err := s.store.OrganizationKeys(t.Context())
			s.must(err)
			if !slices.EqualFunc(before, after[:1], func(a, b strongroom.OrganizationKey) bool { return string(a.Wrapped) == string(b.Wrapped) }) {
				t.Error("a key was changed")
			}
			sign, err := s.store.SigningKeys(t.Context())
			s.must(err)
			if string(sign[0].WrappedPrivate) != string(key.WrappedPrivate) {
				t.Error("the signing key was changed")
			}
			s.wantEvents(uuid.Nil, strongroom.ActionRootKeyRotate, "failed: from "+s.root.Fingerprint()+" to "+next.Fingerprint())
		})
	}
}

func TestWhatIsNoNewRootKey(t *testing.T) {
	s := setup(t)
	operator := strongroom.Operator(uuid.Nil, "")
	if _, err := s.RotateRoot(t.Context(), operator, s.root, s.root, nil); err == nil {
		t.Error("the same root key is taken")
	}
	if _, err := s.RotateRoot(t.Context(), operator, sealtest.NewKeeper(t), sealtest.NewKeeper(t), nil); err == nil {
		t.Error("a root key that is not the database's is replaced")
	}
	_, err := s.RotateRoot(t.Context(), strongroom.Unattended(uuid.Nil), s.root, sealtest.NewKeeper(t), nil)
	s.wantCode(err, strongroom.CodeForbidden)
}

func TestTheSigningKeyIsReplaced(t *testing.T) {
	s := setup(t)
	old := s.signingKey()
	made, err := s.RotateSigning(t.Context(), strongroom.Operator(uuid.Nil, ""), seal.Keepers{s.root})
	s.must(err)
	keys, err := s.store.SigningKeys(t.Context())
	s.must(err)
	current, ok := rekey.CurrentSigningKey(keys)
	if !ok || current.ID != made.Key.ID || made.Retired != 1 || len(keys) != 2 {
		t.Errorf("%+v of %+v", current, keys)
	}
	for _, k := range keys {
		opened, err := rekey.OpenSigningKey(t.Context(), seal.Keepers{s.root}, k)
		s.must(err)
		if k.ID == old.ID == (k.RetiredAt == nil) || opened.KeyID != k.ID {
			t.Errorf("%+v", k)
		}
	}
	s.wantEvents(uuid.Nil, strongroom.ActionSigningKeyRotate, "allowed: ")
	_, err = s.RotateSigning(t.Context(), strongroom.Operator(uuid.Nil, ""), seal.Keepers{sealtest.NewKeeper(t)})
	s.refused(err, seal.ErrWrongRoot)
	_, err = s.RotateSigning(t.Context(), strongroom.Unattended(uuid.Nil), seal.Keepers{s.root})
	s.wantCode(err, strongroom.CodeForbidden)
	if _, ok := rekey.CurrentSigningKey(nil); ok {
		t.Error("there is a key among none")
	}
}

func TestASigningKeyOfSomebodyElsesIsRefused(t *testing.T) {
	s := setup(t)
	good := s.signingKey()
	for name, change := range map[string]func(k *store.SigningKey){
		"another id":          func(k *store.SigningKey) { k.ID = uuid.New() },
		"another public half": func(k *store.SigningKey) { k.Public = make([]byte, 32) },
		"another root key":    func(k *store.SigningKey) { k.RootFingerprint = "else" },
		"nothing wrapped":     func(k *store.SigningKey) { k.WrappedPrivate = nil },
	} {
		bad := good
		change(&bad)
		if _, err := rekey.OpenSigningKey(t.Context(), seal.Keepers{s.root}, bad); err == nil {
			t.Errorf("%s: it opens", name)
		}
	}
}
