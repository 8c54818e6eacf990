package custody_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/policy"
	"strongroom/internal/store"
	"strongroom/secret"
)

// settler does what a test says where a rotation is in doubt.
type settler struct {
	calls  int
	settle func()
}

func (s *settler) Settle(context.Context, uuid.UUID, uuid.UUID) error {
	s.calls++
	if s.settle != nil {
		s.settle()
	}
	return nil
}

func (s *scene) lend(caller strongroom.Caller, action policy.Action, id uuid.UUID) (strongroom.Credential, secret.Value, error) {
	return s.custody.Lend(s.Context(), caller, action, strongroom.NewEvent(s.now, caller, strongroom.ActionCredentialTest), id)
}

// rotating puts a rotation onto the credential, in doubt or not.
func (s *scene) rotating(c strongroom.Credential, inDoubt bool) store.SealedRotation {
	s.Helper()
	r := store.SealedRotation{Rotation: strongroom.Rotation{
		ID: uuid.Must(uuid.NewV7()), OrganizationID: s.organization, CredentialID: c.ID, Method: "sftp_key", Trigger: strongroom.RotationRequested,
		State: strongroom.RotationPending, BeganAt: s.now, UpdatedAt: s.now, FromVersion: c.Version,
	}, Sealed: []byte("sealed")}
	s.must(s.store.Write(s.Context(), func(tx store.Tx) error {
		if err := tx.CreateRotation(r); err != nil {
			return err
		}
		var err error
		if r.Fence, err = tx.LeaseRotation(s.organization, r.ID, r.Fence, s.now, s.now.Add(time.Minute)); err != nil {
			return err
		}
		r.State = strongroom.RotationChanging
		return tx.SaveRotation(s.organization, store.RotationStep{ID: r.ID, Fence: r.Fence, Rotation: r.Rotation, InDoubt: inDoubt, LeasedUntil: s.now.Add(time.Minute)})
	}))
	return r
}

func TestWhatIsLentIsRefusedOnRecord(t *testing.T) {
	s := setup(t)
	c := s.create()
	stranger := s.person()
	stranger.ID = uuid.New()
	_, _, err := s.lend(stranger, policy.TestCredential, c.ID)
	s.wantCode(err, strongroom.CodeForbidden)
	_, _, err = s.lend(strongroom.Unattended(uuid.New()), policy.TestCredential, c.ID)
	s.wantCode(err, strongroom.CodeNotFound)
	denied := 0
	for _, e := range s.events() {
		if e.Action == strongroom.ActionCredentialTest && e.Outcome == strongroom.OutcomeDenied && e.CredentialID == c.ID {
			denied++
		}
	}
	if denied != 1 {
		t.Errorf("%d refusals of the organization are on record, want 1", denied)
	}
	_, data, err := s.lend(strongroom.Unattended(s.organization), policy.TestCredential, c.ID)
	s.must(err)
	if !strings.Contains(string(data.Reveal()), password) {
		t.Error("what was lent is not the data")
	}
}

func TestAReadWaitsUntilARotationIsNoMoreInDoubt(t *testing.T) {
	s := setup(t)
	c := s.create()
	r := s.rotating(c, true)
	waiting := &settler{settle: func() {
		promoted, err := s.custody.Promote(t.Context(), strongroom.Unattended(s.organization), c.ID, c.Version, data("canary-new"), func(tx store.Tx, promoted strongroom.Credential) ([]strongroom.Event, error) {
			r.State, r.PromotedVersion, r.EndedAt = strongroom.RotationDone, promoted.Version, &s.now
			return nil, tx.SaveRotation(s.organization, store.RotationStep{ID: r.ID, Fence: r.Fence, Rotation: r.Rotation, Release: true})
		})
		s.must(err)
		if promoted.Version != c.Version+1 || promoted.ModifiedBy != s.user {
			t.Errorf("promoted to version %d, changed by %s", promoted.Version, promoted.ModifiedBy)
		}
	}}
	s.custody.Settler = waiting
	opened, err := s.open(c.ID)
	s.must(err)
	if !strings.Contains(string(opened.Data.Reveal()), "canary-new") || opened.ETag != "v2" || waiting.calls != 1 {
		t.Errorf("the read has %s after %d looks, want the promoted data", opened.ETag, waiting.calls)
	}
}

func TestWhereADoubtCannotBeSettledWhatIsStoredIsServed(t *testing.T) {
	s := setup(t)
	c := s.create()
	s.rotating(c, true)
	waiting := &settler{}
	s.custody.Settler = waiting
	opened, err := s.open(c.ID)
	s.must(err)
	if opened.ETag != "v1" || waiting.calls != 1 {
		t.Errorf("the read has %s after %d looks, want v1 after one", opened.ETag, waiting.calls)
	}
}

func TestTheRotationItselfDoesNotWaitForItself(t *testing.T) {
	s := setup(t)
	c := s.create()
	s.rotating(c, true)
	waiting := &settler{}
	s.custody.Settler = waiting
	_, _, err := s.lend(strongroom.Unattended(s.organization), policy.RotateCredential, c.ID)
	s.must(err)
	if waiting.calls != 0 {
		t.Error("the rotation waited for itself")
	}
}

func TestNothingIsPromotedOverDataThatCameMeanwhile(t *testing.T) {
	s := setup(t)
	c := s.create()
	_, err := s.custody.Update(t.Context(), s.person(), c.ID, strongroom.CredentialUpdate{Type: c.Type, Data: data("meanwhile")})
	s.must(err)
	never := func(store.Tx, strongroom.Credential) ([]strongroom.Event, error) {
		t.Error("the rotation's own step was taken")
		return nil, nil
	}
	if _, err := s.custody.Promote(t.Context(), strongroom.Unattended(s.organization), c.ID, c.Version, data("canary-new"), never); !errors.Is(err, store.ErrStale) {
		t.Errorf("promoting says %v, want %v", err, store.ErrStale)
	}
}

func TestAPromotionThatFailsChangesNothing(t *testing.T) {
	s := setup(t)
	c := s.create()
	broken := errors.New("the step cannot be written")
	_, err := s.custody.Promote(t.Context(), strongroom.Unattended(s.organization), c.ID, c.Version, data("canary-new"), func(store.Tx, strongroom.Credential) ([]strongroom.Event, error) { return nil, broken })
	if !errors.Is(err, broken) {
		t.Errorf("promoting says %v", err)
	}
	opened, err := s.open(c.ID)
	s.must(err)
	if opened.ETag != "v1" || !strings.Contains(string(opened.Data.Reveal()), password) {
		t.Error("the data was replaced although the step was not taken")
	}
}

func TestNewDataIsTestedSoonAndKeepsTheHostThatIsKnown(t *testing.T) {
	s := setup(t)
	c := s.create()
	soon := func(what string, at *time.Time) {
		t.Helper()
		if at == nil || at.Before(s.now.Add(time.Minute)) || at.After(s.now.Add(5*time.Minute)) {
			t.Errorf("%s is tested at %v, want one to five minutes from %v", what, at, s.now)
		}
	}
	soon("new data", c.Health.NextAt)
	s.must(s.store.Write(t.Context(), func(tx store.Tx) error {
		return tx.SaveCheck(s.organization, store.CheckEnd{ID: c.ID, Keep: 5, Check: strongroom.Check{At: s.now, Version: 1, Trigger: strongroom.CheckScheduled},
			Health: strongroom.Health{State: strongroom.HealthStopped, Failures: 7, Refusals: 5, KnownHost: "sftp.example.com ssh-ed25519 AAAA"}})
	}))
	s.now = s.now.Add(time.Hour)
	_, err := s.custody.Update(t.Context(), s.person(), c.ID, strongroom.CredentialUpdate{Type: c.Type, Data: data("other")})
	s.must(err)
	got, err := s.custody.Get(t.Context(), s.person(), c.ID)
	s.must(err)
	soon("replaced data", got.Health.NextAt)
	if h := got.Health; h.State != strongroom.HealthUnknown || h.Failures != 0 || h.Refusals != 0 || h.KnownHost == "" || got.LastCheck != nil {
		t.Errorf("replaced data has the health %+v", h)
	}
}
