package connections_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
)

// resume goes on with a rotation.
func (s *scene) resume(id, rotation string) (r api.Rotation) {
	s.t.Helper()
	s.post(credentials+"/"+id+"/rotations/"+rotation+"/resume", nil).Want(s.t, http.StatusOK).Into(s.t, &r)
	return r
}

// abandon gives a rotation up; query is added to the path.
func (s *scene) abandon(id, rotation, query string) apptest.Answer {
	s.t.Helper()
	return s.post(credentials+"/"+id+"/rotations/"+rotation+"/abandon"+query, nil)
}

// stuck makes a rotation that neither the stored password nor the new one opens the server
// for: somebody changes it behind the service's back, right when it was set.
func (s *scene) stuck(d *database) (id string, r api.Rotation) {
	s.t.Helper()
	id = s.store("postgresql", "user_password", d.data())
	behind := s.wrong()
	var once atomic.Bool
	s.App.Rotation.Reached = func(step string) {
		if step == "after set password" && once.CompareAndSwap(false, true) {
			d.setPassword(d.role, behind)
		}
	}
	r = s.rotate(id)
	wantState(s.t, r, strongroom.RotationChanging)
	if r.NextAttemptAt == nil || deref(r.Code) != string(strongroom.CheckAuth) || deref(r.Message) == "" {
		s.t.Fatalf("the rotation is %+v", r)
	}
	s.clock.advance(time.Hour)
	for range 5 {
		s.untilDone("it is tried again", func() bool {
			now := s.rotations(id)[0]
			defer func() { r = now }()
			return now.Attempts > r.Attempts || now.State == "stuck"
		})
		if r.State == "stuck" {
			break
		}
		s.clock.advance(time.Hour)
	}
	wantState(s.t, r, strongroom.RotationStuck)
	if r.NextAttemptAt != nil {
		s.t.Errorf("what is stuck goes on at %v", r.NextAttemptAt)
	}
	return id, r
}

func TestAStuckRotationWaitsForSomebody(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id, r := s.stuck(d)
	var list []api.Rotation
	s.get("/api/integrations/rotations?state=stuck").Want(t, http.StatusOK).Into(t, &list)
	if len(list) != 1 || list[0].ID != r.ID {
		t.Errorf("those that are stuck are %+v", list)
	}
	s.post(credentials+"/"+id+"/rotate", nil).WantError(t, http.StatusConflict, "conflict")
	if data := s.open(id); data["password"] != d.password {
		t.Error("it is not the stored password that is handed out")
	}
	tested := len(s.checks(id))
	attempts := strings.Count(d.Log(t), `FATAL:  password authentication failed for user "`+d.role+`"`)
	s.clock.advance(30 * 24 * time.Hour)
	key := s.wrong()
	other := s.api(startAPI(t, key), "/me", key)
	s.clock.advance(aWhile)
	s.untilDone("this one and another are tested", func() bool { return s.health(other) == "ok" && len(s.checks(id)) == tested+1 })
	if now := strings.Count(d.Log(t), `FATAL:  password authentication failed for user "`+d.role+`"`); now != attempts+1 {
		t.Errorf("the server was asked %d times while the rotation was stuck, want the one test", now-attempts)
	}

	t.Run("and ends when the stored password opens again", func(t *testing.T) {
		d.setPassword(d.role, d.password)
		wantState(t, s.resume(id, r.ID), strongroom.RotationDone)
		if !d.opens(d.role, s.text(s.open(id), "password")) || d.opens(d.role, d.password) {
			t.Error("it is not the new password alone that opens")
		}
		if m := s.metadata(id); m.Version != 2 {
			t.Errorf("the metadata say %s", brief(m))
		}
	})
	t.Run("and is then over", func(t *testing.T) {
		s.post(credentials+"/"+id+"/rotations/"+r.ID+"/resume", nil).WantError(t, http.StatusConflict, "conflict")
		s.abandon(id, r.ID, "?force=true").WantError(t, http.StatusConflict, "conflict")
		wantState(t, s.rotate(id), strongroom.RotationDone)
	})
}

func TestAStuckRotationCanBeResumedInVain(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id, r := s.stuck(d)
	r = s.resume(id, r.ID)
	wantState(t, r, strongroom.RotationChanging)
	if r.Attempts != 1 || r.NextAttemptAt == nil || deref(r.Code) != string(strongroom.CheckAuth) {
		t.Errorf("the rotation is %+v", r)
	}
}

func TestAStuckRotationIsAbandonedWithForceAlone(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id, r := s.stuck(d)
	s.abandon(id, r.ID, "").WantError(t, http.StatusConflict, "conflict")
	wantState(t, s.rotations(id)[0], strongroom.RotationStuck)
	s.abandon(id, r.ID, "?force=true").Want(t, http.StatusOK).Into(t, &r)
	wantState(t, r, strongroom.RotationAbandoned)
	if m := s.metadata(id); m.Version != 1 {
		t.Errorf("the metadata say %s", brief(m))
	}
	t.Run("and a new one can begin once the right password is stored", func(t *testing.T) {
		d.setPassword(d.role, d.password)
		s.replace(id, "user_password", d.data())
		wantState(t, s.rotate(id), strongroom.RotationDone)
		wantTried(t, s.test(id).ConnectionTest, "")
	})
}

func TestAnAbandonedRotationKeepsTheSecretThatOpens(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id, r := s.stuck(d)
	d.setPassword(d.role, d.password)
	s.abandon(id, r.ID, "").Want(t, http.StatusOK).Into(t, &r)
	wantState(t, r, strongroom.RotationAbandoned)
	if s.open(id)["password"] != d.password || !d.opens(d.role, d.password) {
		t.Error("the stored password is not handed out, or does not open")
	}
}

func TestAPasswordThatNoLongerOpensCannotBeChanged(t *testing.T) {
	for name, behind := range map[string]func(s *scene, d *database){
		"it was changed by somebody else": func(s *scene, d *database) { d.setPassword(d.role, s.wrong()) },
		"the role may not log in any more": func(_ *scene, d *database) {
			d.Exec(d.t, "", "alter role "+d.role+" nologin")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			d := s.postgres()
			id := s.store("postgresql", "user_password", d.data())
			behind(s, d)
			r := s.rotate(id)
			wantState(t, r, strongroom.RotationFailed)
			if deref(r.Code) != string(strongroom.CheckAuth) || deref(r.Message) == "" || r.PromotedVersion != nil {
				t.Errorf("the rotation is %+v: %s", r, deref(r.Message))
			}
			if s.open(id)["password"] != d.password {
				t.Error("it is not the stored password that is handed out")
			}
			if got := s.notes(id); got[len(got)-1] != "failed:auth" {
				t.Errorf("on record is %v", got)
			}
		})
	}
}

// TestAServerThatIsAwayIsWaitedFor: nothing was changed, so that nothing is in doubt and
// readers are served.
func TestAServerThatIsAwayIsWaitedFor(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	way := startRelay(t, address(closed(t)))
	id := s.store("postgresql", "user_password", with(d.data(), "host", "127.0.0.1", "port", way.port()))
	r := s.rotate(id)
	wantState(t, r, strongroom.RotationPending)
	if r.NextAttemptAt == nil || deref(r.Message) == "" {
		t.Errorf("the rotation is %+v", r)
	}
	if s.open(id)["password"] != d.password {
		t.Error("it is not the stored password that is handed out")
	}
	if again := s.rotate(id); again.ID != r.ID {
		t.Error("another rotation has begun beside it")
	}
	way.lead("localhost:" + d.Port)
	s.clock.advance(time.Hour)
	s.untilDone("it is done", func() bool { return s.rotations(id)[0].State == "done" })
	if !d.opens(d.role, s.text(s.open(id), "password")) || d.opens(d.role, d.password) {
		t.Error("it is not the new password alone that opens")
	}
}

func TestARotationIsGivenUpBeforeAnythingWasChanged(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	way := startRelay(t, address(closed(t)))
	id := s.store("postgresql", "user_password", with(d.data(), "host", "127.0.0.1", "port", way.port()))
	r := s.rotate(id)
	s.abandon(id, r.ID, "").Want(t, http.StatusOK).Into(t, &r)
	wantState(t, r, strongroom.RotationAbandoned)
	if !d.opens(d.role, d.password) || s.metadata(id).Version != 1 {
		t.Error("something was changed all the same")
	}
}
