package seal_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
)

func TestOfTwoRootKeysTheOneThatWrappedIsAsked(t *testing.T) {
	p := setup(t)
	old, next := p.keeper, sealtest.NewFaulty(sealtest.NewKeeper(t))
	p.keys.SetRoot(old.Fingerprint())
	sealed := p.mustSeal(t, here, plain)
	p.restart()
	p.AddKeeper(next)
	p.wantPlain(t, here, sealed, plain)
	if next.Unwraps() != 0 {
		t.Error("the other root key was tried")
	}
	p.keys.SetRoot(next.Fingerprint())
	key := p.storedKey(t)
	rewrapped, err := seal.RewrapOrganizationKey(t.Context(), old, next, key)
	if err != nil {
		t.Fatal(err)
	}
	key.Wrapped, key.RootFingerprint = rewrapped, next.Fingerprint()
	p.keys.Put(key)
	p.restart()
	p.AddKeeper(next)
	before := old.Unwraps()
	p.wantPlain(t, here, sealed, plain)
	elsewhere := seal.Binding{OrganizationID: otherOrganization, RecordID: otherCredential, Version: 1}
	p.wantPlain(t, elsewhere, p.mustSeal(t, elsewhere, plain), plain)
	made, _, err := p.keys.CurrentOrganizationKey(t.Context(), otherOrganization)
	if err != nil || made.RootFingerprint != next.Fingerprint() {
		t.Errorf("a new key is wrapped by %s, %v; want the root key that the database knows", made.RootFingerprint, err)
	}
	if old.Unwraps() != before {
		t.Error("the old root key was tried")
	}
}

func TestNoKeyIsMadeUnderARootKeyThatTheDatabaseDoesNotKnow(t *testing.T) {
	p := setup(t)
	p.keys.SetRoot("another")
	if _, err := p.NewOrganizationKey(t.Context(), here.OrganizationID, 1); !errors.Is(err, seal.ErrWrongRoot) || !strings.Contains(err.Error(), "another") {
		t.Errorf("got %v, want ErrWrongRoot with the fingerprint", err)
	}
	p.keys.Fail(errDown)
	if _, err := p.NewOrganizationKey(t.Context(), here.OrganizationID, 1); !errors.Is(err, errDown) {
		t.Errorf("got %v, want the store's error", err)
	}
	if p.keeper.Wraps() != 0 {
		t.Error("the keeper was asked")
	}
}

func TestRewrappingRefuses(t *testing.T) {
	p := setup(t)
	p.mustSeal(t, here, plain)
	key := p.storedKey(t)
	next := sealtest.NewFaulty(sealtest.NewKeeper(t))
	changed, moved, foreign := key, key, key
	changed.Wrapped = append([]byte{}, key.Wrapped...)
	changed.Wrapped[9] ^= 1
	moved.OrganizationID = uuid.New()
	foreign.RootFingerprint = "another"
	for name, c := range map[string]struct {
		key  strongroom.OrganizationKey
		want error
	}{
		"a key that was changed":              {changed, seal.ErrTampered},
		"a key of another organization":       {moved, seal.ErrTampered},
		"a key that another root key wrapped": {foreign, seal.ErrWrongRoot},
	} {
		if got, err := seal.RewrapOrganizationKey(t.Context(), p.keeper, next, c.key); !errors.Is(err, c.want) || got != nil {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	next.Fail(errDown)
	if _, err := seal.RewrapOrganizationKey(t.Context(), p.keeper, next, key); !errors.Is(err, seal.ErrKeeper) {
		t.Errorf("a new root key that is away: got %v, want ErrKeeper", err)
	}
}

// forgetful wraps what it will not unwrap again.
type forgetful struct{ seal.Keeper }

func (forgetful) Unwrap(context.Context, []byte, []byte) ([]byte, error) {
	return []byte("something else"), nil
}

func TestWhatTheNewRootKeyWrapsIsUnwrappedBeforeItIsBelieved(t *testing.T) {
	p := setup(t)
	p.mustSeal(t, here, plain)
	_, err := seal.RewrapOrganizationKey(t.Context(), p.keeper, forgetful{sealtest.NewKeeper(t)}, p.storedKey(t))
	if !errors.Is(err, seal.ErrKeeper) || !strings.Contains(err.Error(), "something else") {
		t.Errorf("got %v, want ErrKeeper", err)
	}
}

func TestResealingChangesTheKeyAndNothingElse(t *testing.T) {
	p := setup(t)
	for _, purpose := range seal.Purposes() {
		b := here
		b.Purpose = purpose
		sealed := p.mustSeal(t, b, plain)
		p.addVersion(t, 2)
		resealed, err := p.Reseal(t.Context(), b, sealed, 2)
		if err != nil {
			t.Fatal(err)
		}
		if resealed[8] != 2 || len(resealed) != len(sealed) {
			t.Errorf("%q: it is sealed under version %d", purpose, resealed[8])
		}
		p.wantPlain(t, b, resealed, plain)
		p.wantPlain(t, b, sealed, plain)
		other := b
		other.Version = 2
		if _, err := p.Reseal(t.Context(), other, sealed, 2); !errors.Is(err, seal.ErrTampered) {
			t.Errorf("%q: what is sealed for another version: got %v, want ErrTampered", purpose, err)
		}
		if _, err := p.Reseal(t.Context(), b, sealed, 3); !errors.Is(err, seal.ErrUnknownKey) {
			t.Errorf("%q: a key that is not there: got %v, want ErrUnknownKey", purpose, err)
		}
	}
	if len(seal.Purposes()) != 4 {
		t.Errorf("there are the purposes %q", seal.Purposes())
	}
}
