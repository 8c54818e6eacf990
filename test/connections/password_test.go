package connections_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
)

// rotate rotates a credential.
func (s *scene) rotate(id string) (r api.Rotation) {
	s.t.Helper()
	s.post(credentials+"/"+id+"/rotate", nil).Want(s.t, http.StatusOK).Into(s.t, &r)
	return r
}

// rotations lists a credential's, newest first.
func (s *scene) rotations(id string) (list []api.Rotation) {
	s.t.Helper()
	s.get(credentials+"/"+id+"/rotations").Want(s.t, http.StatusOK).Into(s.t, &list)
	return list
}

// wantState fails the test unless the rotation is in the state, and says of its end what it
// has to.
func wantState(t *testing.T, r api.Rotation, state strongroom.RotationState) {
	t.Helper()
	active := state.Active()
	if r.State != string(state) || active != (r.EndedAt == nil) || !active && r.NextAttemptAt != nil {
		t.Fatalf("the rotation is %+v (%s), want it %s", r, deref(r.Message), state)
	}
}

// notes are what is on record of a credential's rotations, in order.
func (s *scene) notes(id string) (all []string) {
	s.t.Helper()
	for _, e := range s.events(strongroom.ActionCredentialRotate, id) {
		all = append(all, deref(e.Note))
	}
	return all
}

func TestAPasswordIsChangedAtPostgreSQLAndInTheStore(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", d.data())
	wantTried(t, s.test(id).ConnectionTest, "")
	r := s.rotate(id)
	wantState(t, r, strongroom.RotationDone)
	if r.Method != "postgresql_password" || r.Trigger != "request" || r.FromVersion != 1 || r.PromotedVersion == nil || *r.PromotedVersion != 2 || r.BeganBy == nil || r.Code != nil {
		t.Errorf("the rotation is %+v", r)
	}
	data := s.open(id)
	fresh := s.text(data, "password")
	if fresh == d.password || d.opens(d.role, d.password) || !d.opens(d.role, fresh) {
		t.Error("it is not the new password alone that opens")
	}
	for _, member := range []string{"host", "port", "username", "database"} {
		if data[member] != d.data()[member] {
			t.Errorf("%s has become %v", member, data[member])
		}
	}
	m := s.metadata(id)
	if m.Version != 2 || m.Health != nil || m.LastRotatedAt == nil || m.NextRotationAt != nil || m.NextCheckAt == nil {
		t.Errorf("the metadata say %s", brief(m))
	}
	wantTried(t, s.test(id).ConnectionTest, "")
	if want := []string{"began", "changing", "promoted"}; !slices.Equal(s.notes(id), want) {
		t.Errorf("on record is %v, want %v", s.notes(id), want)
	}

	t.Run("PostgreSQL's log, which has every statement, has no password", func(t *testing.T) {
		log := d.Log(t)
		if !strings.Contains(log, "SCRAM-SHA-256$") || !strings.Contains(strings.ToLower(log), "alter role") || !strings.Contains(log, d.role) {
			t.Error("the log does not have the change, so nothing is tested")
		}
		if strings.Contains(log, fresh) {
			t.Error("the log has the new password")
		}
	})
	t.Run("whatever the connection was given as", func(t *testing.T) {
		s.replace(id, "user_password", object{"connection_string": strings.Replace(d.url(nil), d.password, fresh, 1)})
		wantState(t, s.rotate(id), strongroom.RotationDone)
		wantTried(t, s.test(id).ConnectionTest, "")
		if d.opens(d.role, fresh) {
			t.Error("the old password still opens")
		}
		s.text(s.open(id), "connection_string")
	})
}

// alterations counts the times that PostgreSQL was told a new password, before and after.
type alterations struct{ begun, done atomic.Int64 }

func (a *alterations) reached(step string) {
	switch step {
	case "before set password":
		a.begun.Add(1)
	case "after set password":
		a.done.Add(1)
	}
}

// TestReadersHaveAtEveryMomentAPasswordThatOpens reads over HTTP and signs in with what it
// gets, while the password is changed again and again. The version v of the credential ends
// when PostgreSQL is told the v-th new password.
func TestReadersHaveAtEveryMomentAPasswordThatOpens(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", d.data())
	var told alterations
	s.App.Rotation.Reached = told.reached
	const rotations, readers = 30, 4
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	var signedIn, overtaken atomic.Int64
	read := func() {
		// What was told before the question is in the answer.
		atLeast := 1 + told.done.Load()
		a, err := s.Try(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: s.key})
		var data struct{ Password string }
		var version int64
		if err == nil {
			_, err = fmt.Sscanf(a.Header.Get("ETag"), `"v%d"`, &version)
		}
		if err = errors.Join(err, json.Unmarshal(a.Body, &data)); err != nil || a.Status != http.StatusOK {
			t.Errorf("a read was answered %d: %v", a.Status, err)
			return
		}
		if version < atLeast {
			t.Errorf("version %d is handed out when %d is the one that opens", version, atLeast)
		}
		s.secret(data.Password)
		conn, err := d.signIn(context.WithoutCancel(ctx), d.role, data.Password)
		switch {
		case err == nil:
			signedIn.Add(1)
			_ = conn.Close(context.WithoutCancel(ctx))
		case !wrongPassword(err):
			t.Errorf("PostgreSQL: %v", err)
		case told.begun.Load() < version:
			t.Errorf("the password of version %d does not open, and none after it was set", version)
		default:
			overtaken.Add(1)
		}
	}
	for range readers {
		running.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				read()
			}
		})
	}
	for range rotations {
		before := signedIn.Load()
		wantState(t, s.rotate(id), strongroom.RotationDone)
		eventually(t, "the readers sign in", func() bool { return t.Failed() || signedIn.Load() >= before+readers })
	}
	stop()
	running.Wait()
	read()
	if told.done.Load() != rotations {
		t.Errorf("PostgreSQL was told %d passwords in %d rotations", told.done.Load(), rotations)
	}
	if m := s.metadata(id); m.Version != rotations+1 {
		t.Errorf("after %d rotations it is version %d", rotations, m.Version)
	}
	t.Logf("%d signed in, %d had read before the password was changed", signedIn.Load(), overtaken.Load())
}

func TestWithTwoRolesWhatRunsGoesOn(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	second, secondPassword := d.newRole()
	d.grant(second)
	s.secret(secondPassword)
	id := s.store("postgresql", "user_password", with(d.data(), "alternate_username", second, "alternate_password", secondPassword))
	worker, err := d.signIn(t.Context(), d.role, d.password)
	must(t, err)
	defer worker.Close(context.WithoutCancel(t.Context()))
	works := func() {
		t.Helper()
		_, err := worker.Exec(t.Context(), "select 1").ReadAll()
		must(t, err)
	}
	works()

	r := s.rotate(id)
	wantState(t, r, strongroom.RotationDone)
	data := s.open(id)
	fresh := s.text(data, "password")
	if r.Method != "postgresql_two_roles" || data["username"] != second || data["alternate_username"] != d.role || data["alternate_password"] != d.password {
		t.Fatalf("by %s it has become %v with %v beside", r.Method, data["username"], data["alternate_username"])
	}
	works()
	if !d.opens(d.role, d.password) {
		t.Error("who has read the first role's password cannot sign in any more")
	}
	if !d.opens(second, fresh) || d.opens(second, secondPassword) {
		t.Error("it is not the second role's new password alone that opens")
	}
	wantTried(t, s.test(id).ConnectionTest, "")

	t.Run("and the next time they change places", func(t *testing.T) {
		wantState(t, s.rotate(id), strongroom.RotationDone)
		data := s.open(id)
		if data["username"] != d.role || data["alternate_username"] != second || data["alternate_password"] != fresh {
			t.Errorf("it has become %v with %v beside", data["username"], data["alternate_username"])
		}
		if d.opens(d.role, d.password) || !d.opens(d.role, s.text(data, "password")) || !d.opens(second, fresh) {
			t.Error("it is not the first role's new password, and the second's, that open")
		}
	})
}

func TestAPolicyRotatesWhatGetsTooOld(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", d.data())
	const age = 48 * time.Hour
	var m api.Credential
	put := func(body object) apptest.Answer {
		return s.send(apptest.Request{Method: http.MethodPut, Path: credentials + "/" + id + "/rotation-policy", Token: s.user, Body: body})
	}
	put(object{"max_age_hours": 48, "grace_hours": 2}).Want(t, http.StatusOK).Into(t, &m)
	p := m.RotationPolicy
	if p == nil || p.MaxAgeHours == nil || *p.MaxAgeHours != 48 || p.GraceHours == nil || *p.GraceHours != 2 || m.NextRotationAt == nil || !m.NextRotationAt.Equal(m.CreatedAt.Add(age)) {
		t.Fatalf("the metadata say %s", brief(m))
	}
	for n := 1; n <= 2; n++ {
		s.clock.advance(age + time.Minute)
		s.untilDone("it is rotated", func() bool { return s.metadata(id).Version == int64(n+1) })
		list := s.rotations(id)
		if len(list) != n || list[0].Trigger != "schedule" || list[0].BeganBy != nil {
			t.Fatalf("there are %+v", list)
		}
		wantState(t, list[0], strongroom.RotationDone)
		if m := s.metadata(id); m.LastRotatedAt == nil || m.NextRotationAt == nil || !m.NextRotationAt.Equal(m.LastRotatedAt.Add(age)) {
			t.Errorf("the metadata say %s", brief(m))
		}
	}
	if d.opens(d.role, d.password) || !d.opens(d.role, s.text(s.open(id), "password")) {
		t.Error("it is not the new password that opens")
	}

	t.Run("until it is taken back", func(t *testing.T) {
		put(object{"max_age_hours": nil}).Want(t, http.StatusOK).Into(t, &m)
		if m.RotationPolicy != nil || m.NextRotationAt != nil {
			t.Errorf("the metadata say %s", brief(m))
		}
	})
	if got := s.events(strongroom.ActionCredentialRotatePolicy, id); len(got) != 2 {
		t.Errorf("%d changes of the policy are on record", len(got))
	}
}
