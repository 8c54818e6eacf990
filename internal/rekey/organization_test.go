package rekey_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/store/stored"
)

var errStop = errors.New("stopped")

func TestEverythingIsSealedUnderTheNewKey(t *testing.T) {
	s := setup(t)
	all := s.furnish()
	var told [][2]int
	done, err := s.RotateOrganization(t.Context(), s.operator(), func(done, total int) { told = append(told, [2]int{done, total}) })
	s.must(err)
	if done.Version != 2 || done.Resumed || done.Resealed != len(all) || done.Broken != nil {
		t.Errorf("%+v", done)
	}
	s.wantUnder(2, all)
	if len(told) == 0 || told[len(told)-1] != [2]int{len(all), len(all)} {
		t.Errorf("progress was %v", told)
	}
	s.wantEvents(s.organization, strongroom.ActionOrganizationKeyRotate, "allowed: begun", "allowed: records re-sealed: 6")
	// Version 1 was the service's own making.
	s.wantEvents(s.organization, strongroom.ActionOrganizationKeyCreate, "allowed: ", "allowed: ")
	s.now = s.now.Add(time.Minute)
	done, err = s.RotateOrganization(t.Context(), s.operator(), nil)
	if err != nil || done.Version != 3 || done.Resealed != len(all) {
		t.Errorf("once more: %+v, %v", done, err)
	}
	s.wantUnder(3, all)
}

// TestEveryKindAndEveryPurposeIsRotated: what is sealed for another purpose would be missed.
func TestEveryKindAndEveryPurposeIsRotated(t *testing.T) {
	var kinds []store.SealedKind
	var purposes []seal.Purpose
	for _, r := range setup(t).furnish() {
		kinds, purposes = append(kinds, r.kind), append(purposes, r.binding.Purpose)
	}
	kinds, purposes = slices.Compact(kinds), slices.Compact(purposes)
	if !slices.Equal(kinds, store.SealedKinds) {
		t.Errorf("the tests know of %v, the store of %v", kinds, store.SealedKinds)
	}
	slices.Sort(purposes)
	if !slices.Equal(purposes, seal.Purposes()) {
		t.Errorf("the tests know of %q, seal of %q", purposes, seal.Purposes())
	}
	if got := slices.Sorted(maps.Values(rekey.Purposes)); !slices.Equal(got, seal.Purposes()) {
		t.Errorf("keys are rotated for %q, and there are %q", got, seal.Purposes())
	}
}

func TestTheStoreReadsTheHeaderThatSealWrites(t *testing.T) {
	s := setup(t)
	c := s.credential("x")
	if !bytes.HasPrefix(c.Sealed, stored.SealedUnder(1)) || stored.KeyVersion(c.Sealed) != 1 {
		t.Errorf("the header is %x", c.Sealed[:stored.SealedHeader])
	}
}

func TestARotationThatWasInterruptedIsGoneOnWith(t *testing.T) {
	for stop := range 6 {
		s := setup(t)
		all := s.furnish()
		n := 0
		s.sealer.before = func() error {
			if n++; n > stop {
				return errStop
			}
			return nil
		}
		_, err := s.RotateOrganization(t.Context(), s.operator(), nil)
		s.refused(err, errStop)
		s.sealer.before = nil
		done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
		s.must(err)
		if done.Version != 2 || !done.Resumed {
			t.Errorf("stopped at %d: %+v", stop, done)
		}
		s.wantUnder(2, all)
	}
}

func TestARotationThatWasInterruptedLongAgoIsBegunAnew(t *testing.T) {
	s := setup(t)
	all := s.furnish()
	s.sealer.before = func() error { return errStop }
	_, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	s.refused(err, errStop)
	s.sealer.before = nil
	s.now = s.now.Add(rekey.Unfinished)
	done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	if err != nil || done.Version != 3 || done.Resumed {
		t.Errorf("%+v, %v", done, err)
	}
	s.wantUnder(3, all)
	s.wantEvents(s.organization, strongroom.ActionOrganizationKeyRotate, "allowed: begun", "failed: records re-sealed: 0", "allowed: begun", "allowed: records re-sealed: 6")
}

func TestAWriteThatComesInBetweenStays(t *testing.T) {
	s := setup(t)
	c := s.credential("before")
	s.sealer.before = func() error {
		s.sealer.before = nil
		s.update(c, "in between")
		return nil
	}
	done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	if err != nil || done.Resealed != 0 {
		t.Errorf("%+v, %v", done, err)
	}
	s.wantUnder(2, []sealed{{store.SealedCredentials, seal.Binding{OrganizationID: s.organization, RecordID: c.ID, Version: 2}, "in between"}})
}

func TestWhatAProcessSealedUnderTheOldKeyMeanwhileIsFound(t *testing.T) {
	s := setup(t)
	c := s.credential("x")
	id := uuid.Must(uuid.NewV7())
	late := s.seal(seal.Credential, id, 1, "late") // sealed before there was a newer key, stored after
	s.sealer.before = func() error {
		s.sealer.before = nil
		c.ID, c.Sealed = id, late
		s.write(func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
		return nil
	}
	done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	if err != nil || done.Resealed != 2 {
		t.Errorf("%+v, %v", done, err)
	}
	s.wantUnder(2, []sealed{{store.SealedCredentials, seal.Binding{OrganizationID: s.organization, RecordID: id, Version: 1}, "late"}})
}

func TestWhatDoesNotOpenIsNamedAndLeftAsItIs(t *testing.T) {
	s := setup(t)
	good := s.furnish()
	cut, unknown := s.credential("cut"), s.credential("unknown")
	broken := map[uuid.UUID][]byte{cut.ID: cut.Sealed[:20], unknown.ID: append(stored.SealedUnder(0), unknown.Sealed[9:]...)}
	for id, bad := range broken {
		old := cut.Sealed
		if id == unknown.ID {
			old = unknown.Sealed
		}
		s.write(func(tx store.Tx) error {
			_, err := tx.ReplaceSealed(s.organization, store.SealedCredentials, []store.Resealed{{ID: id, Old: old, New: bad}})
			return err
		})
	}
	done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	s.refused(err, rekey.ErrBroken)
	if done.Resealed != len(good) || len(done.Broken) != 2 {
		t.Errorf("%+v", done)
	}
	for _, b := range done.Broken {
		if broken[b.ID] == nil || b.Kind != store.SealedCredentials || b.Reason == nil {
			t.Errorf("%+v", b)
		}
	}
	for _, r := range s.records(store.SealedCredentials) {
		if want := broken[r.ID]; want != nil && !bytes.Equal(r.Sealed, want) {
			t.Errorf("%s was changed", r.ID)
		}
	}
	s.wantUnder(2, good)
	// The one that is under no key there is looks like what a rotation has left, and is not.
	s.wantEvents(s.organization, strongroom.ActionOrganizationKeyRotate, "allowed: resumed", "failed: records re-sealed: 0, not to be opened: 1",
		"allowed: begun", "failed: records re-sealed: 6, not to be opened: 2")
}

func TestNothingIsSealedUnderAnOlderKeyThanItHas(t *testing.T) {
	s := setup(t)
	s.credential("x")
	s.sealer.before = func() error {
		s.sealer.before = nil
		key, err := s.sealer.NewOrganizationKey(t.Context(), s.organization, 3)
		s.must(err)
		s.write(func(tx store.Tx) error { return tx.CreateOrganizationKey(key) })
		s.credential("under 3")
		return nil
	}
	_, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	s.wantCode(err, strongroom.CodeConflict)
	done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	if err != nil || done.Version != 3 || !done.Resumed {
		t.Errorf("%+v, %v", done, err)
	}
}

func TestWhoseKeyCannotBeRotated(t *testing.T) {
	s := setup(t)
	done, err := s.RotateOrganization(t.Context(), s.operator(), nil)
	if err != nil || done.Version != 0 {
		t.Errorf("an organization without a key: %+v, %v", done, err)
	}
	s.credential("x")
	_, err = s.RotateOrganization(t.Context(), strongroom.Operator(uuid.New(), ""), nil)
	s.wantCode(err, strongroom.CodeNotFound)
	_, err = s.RotateOrganization(t.Context(), strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindUser, Role: strongroom.RoleOrgAdmin, OrganizationID: s.organization}}, nil)
	s.wantCode(err, strongroom.CodeForbidden)
	s.root.Fail(errStop)
	_, err = s.RotateOrganization(t.Context(), s.operator(), nil)
	s.refused(err, seal.ErrKeeper)
	s.root.Fail(nil)
	s.wantEvents(s.organization, strongroom.ActionOrganizationKeyRotate, "failed: begun")
	_, err = s.Erase(t.Context(), s.operator())
	s.must(err)
	_, err = s.RotateOrganization(t.Context(), s.operator(), nil)
	s.wantCode(err, strongroom.CodeOrganizationErased)
}
