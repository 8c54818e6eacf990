package rotate_test

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
)

// cutOff begins a rotation whose change is cut off, with or without effect, and returns it.
func (s *scene) cutOff(id uuid.UUID, effect bool) strongroom.Rotation {
	s.Helper()
	lost := failing(1, cut, "set password", "add key")
	untried := failing(1, strongroom.CheckTimeout, "sign in")
	if effect {
		s.server.hook(untried, lost)
	} else {
		s.server.hook(func(word string) strongroom.CheckCode {
			if code := lost(word); code != works {
				return code
			}
			return untried(word)
		}, nil)
	}
	r := s.rotate(id)
	s.wantState(r, strongroom.RotationChanging, strongroom.CheckTimeout)
	s.server.hook(nil, nil)
	s.server.said()
	return r
}

func TestAbandoning(t *testing.T) {
	for name, c := range map[string]struct {
		begin func(s *scene) (uuid.UUID, strongroom.Rotation)
		state strongroom.RotationState
		words string
		keys  int
	}{
		"before anything was changed": {func(s *scene) (uuid.UUID, strongroom.Rotation) {
			id := s.password()
			s.server.hook(failing(1, strongroom.CheckRefused, "set password"), nil)
			r := s.rotate(id)
			s.server.said()
			return id, r
		}, strongroom.RotationAbandoned, "", 0},
		"a password that was not changed": {func(s *scene) (uuid.UUID, strongroom.Rotation) {
			id := s.password()
			return id, s.cutOff(id, false)
		}, strongroom.RotationAbandoned, "sign in", 0},
		"a password that was changed, whose new one is promoted": {func(s *scene) (uuid.UUID, strongroom.Rotation) {
			id := s.password()
			return id, s.cutOff(id, true)
		}, strongroom.RotationDone, "sign in, sign in", 0},
		"two roles, of which the one in use opens": {func(s *scene) (uuid.UUID, strongroom.Rotation) {
			id := s.roles()
			return id, s.cutOff(id, true)
		}, strongroom.RotationAbandoned, "sign in", 0},
		"a key that was added, which is taken out": {func(s *scene) (uuid.UUID, strongroom.Rotation) {
			id := s.key()
			return id, s.cutOff(id, true)
		}, strongroom.RotationAbandoned, "sign in, remove key", 1},
		"the clean-up, so that both keys open": {func(s *scene) (uuid.UUID, strongroom.Rotation) {
			id := s.key()
			r := s.rotate(id)
			s.server.said()
			return id, r
		}, strongroom.RotationDone, "", 2},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				id, r := c.begin(s)
				r, err := s.Abandon(s.Context(), s.user, id, r.ID, false)
				s.must(err)
				s.wantState(r, c.state, "")
				s.want("words", s.server.said(), c.words)
				s.wantOpens(id, s.credential(id).Version)
				if n := len(s.server.keys); n != c.keys {
					t.Errorf("%d keys may sign in, want %d", n, c.keys)
				}
				_, err = s.Abandon(s.Context(), s.user, id, r.ID, true)
				s.wantRefused(err, strongroom.CodeConflict)
				_, err = s.Resume(s.Context(), s.user, id, r.ID)
				s.wantRefused(err, strongroom.CodeConflict)
			})
		})
	}
	for name, code := range map[string]strongroom.CheckCode{"does not answer": strongroom.CheckTimeout, "takes neither secret": strongroom.CheckAuth} {
		t.Run("a far end that "+name+" takes force, and a new rotation can begin then", func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.password()
				r := s.cutOff(id, true)
				s.server.hook(failing(4, code, "sign in"), nil)
				_, err := s.Abandon(s.Context(), s.user, id, r.ID, false)
				s.wantRefused(err, strongroom.CodeConflict)
				s.wantState(s.rotation(r.ID).Rotation, strongroom.RotationChanging, strongroom.CheckTimeout)
				r, err = s.Abandon(s.Context(), s.user, id, r.ID, true)
				s.must(err)
				s.wantState(r, strongroom.RotationAbandoned, "")
				if s.credential(id).Rotation.InDoubt {
					t.Error("a credential is in doubt with no rotation to end it")
				}
				s.server.set("app", "first")
				s.wantState(s.rotate(id), strongroom.RotationDone, "")
				s.wantOpens(id, 2)
			})
		})
	}
}

func TestRotationsOfOthersAreNotFound(t *testing.T) {
	run(t, func(s *scene) {
		id, other := s.password(), s.password()
		r := s.cutOff(id, true)
		stranger := s.user
		stranger.OrganizationID = uuid.New()
		for name, of := range map[string]struct {
			caller strongroom.Caller
			id     uuid.UUID
			code   strongroom.Code
		}{
			"another credential's":   {s.user, other, strongroom.CodeNotFound},
			"another organization's": {stranger, id, strongroom.CodeNotFound},
			"another user's": {strongroom.Caller{Principal: strongroom.Principal{
				Kind: strongroom.KindUser, ID: uuid.New(), OrganizationID: s.organization, Role: strongroom.RoleAppUser}}, id, strongroom.CodeForbidden},
			"to a program without a grant": {s.worker(), id, strongroom.CodeForbidden},
		} {
			_, err := s.Resume(s.Context(), of.caller, of.id, r.ID)
			if strongroom.CodeOf(err) != of.code {
				t.Errorf("%s: resuming says %v", name, err)
			}
			_, err = s.Abandon(s.Context(), of.caller, of.id, r.ID, true)
			if strongroom.CodeOf(err) != of.code {
				t.Errorf("%s: abandoning says %v", name, err)
			}
			if of.id == id {
				_, err = s.Rotate(s.Context(), of.caller, of.id)
				if strongroom.CodeOf(err) != of.code {
					t.Errorf("%s: rotating says %v", name, err)
				}
			}
		}
		s.want("words", s.server.said(), "")
	})
}
