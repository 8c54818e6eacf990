package connections_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/sshtest"
)

// act is what an event says of who did what, and how it ended.
type act struct {
	action, kind, outcome, reason, note string
}

// acts are the events of these tests' subject, in order of time.
func (s *scene) acts() (all []act) {
	s.t.Helper()
	for _, e := range s.events("", "") {
		switch strongroom.Action(e.Action) {
		case strongroom.ActionConnectionTest, strongroom.ActionCredentialTest, strongroom.ActionCredentialRotate, strongroom.ActionCredentialRotatePolicy:
			all = append(all, act{e.Action, e.PrincipalKind, e.Outcome, deref(e.Reason), deref(e.Note)})
		}
	}
	return all
}

func TestEveryActIsOnRecord(t *testing.T) {
	s := begin(t)
	d, server := s.postgres(), s.sshd(sshtest.Options{})
	stranger := s.UserToken(s.organization, uuid.New(), strongroom.RoleAppUser)
	id := s.store("postgresql", "user_password", d.data())
	one := credentials + "/" + id
	const (
		test, tests, rotate, policy = "connection.test", "credential.test", "credential.rotate", "credential.rotation_policy"
		user, program, own          = "user", "service_account", "strongroom"
		allowed, failed, denied     = "allowed", "failed", "denied"
	)
	var want []act
	step := func(what string, do func(), acts ...act) {
		t.Helper()
		do()
		want = append(want, acts...)
		got := s.acts()
		if len(got) != len(want) {
			t.Fatalf("after %s there are %+v on record, want %+v", what, got, want)
		}
		for i := range want {
			if got[i] != want[i] {
				t.Errorf("after %s event %d is %+v, want %+v", what, i, got[i], want[i])
			}
		}
	}
	ask := func(r apptest.Request, status int) func() {
		return func() { s.send(r).Want(t, status) }
	}
	post := func(token, path string, body any) apptest.Request {
		return apptest.Request{Method: http.MethodPost, Path: path, Token: token, Body: body}
	}
	step("a test", ask(post(s.user, unsavedSFTP, byPassword(server)), 200), act{test, user, allowed, "", "ok"})
	step("a test that fails", ask(post(s.user, unsavedPG, with(d.data(), "password", s.wrong())), 200), act{test, user, failed, "", "auth"})
	step("a body that does not fit", ask(post(s.user, unsavedSFTP, object{"host": "h"}), 422))
	step("a test of a stored one", ask(post(s.user, one+"/test", nil), 200), act{tests, user, allowed, "", "ok"})
	step("one by a program", ask(apptest.Request{Method: http.MethodPost, Path: one + "/test", Key: s.key}, 200), act{tests, program, allowed, "", "ok"})
	step("one by another user", ask(post(stranger, one+"/test", nil), 403), act{tests, user, denied, "forbidden", ""})
	step("one of nothing", ask(post(s.user, credentials+"/"+uuid.NewString()+"/test", nil), 404), act{tests, user, denied, "not_found", ""})
	step("one on schedule", func() {
		s.clock.advance(7 * time.Hour)
		s.untilDone("it is tested", func() bool { return len(s.checks(id)) == 3 })
	}, act{tests, own, allowed, "", "ok"})
	step("a look at the checks", ask(apptest.Request{Method: http.MethodGet, Path: one + "/checks", Token: s.user}, 200))
	step("a policy", ask(apptest.Request{Method: http.MethodPut, Path: one + "/rotation-policy", Token: s.user, Body: object{"max_age_hours": 24}}, 200), act{policy, user, allowed, "", ""})
	step("a policy by another user", ask(apptest.Request{Method: http.MethodPut, Path: one + "/rotation-policy", Token: stranger, Body: object{"max_age_hours": 24}}, 403),
		act{policy, user, denied, "forbidden", ""})
	step("a rotation", ask(post(s.user, one+"/rotate", nil), 200), act{rotate, user, allowed, "", "began"}, act{rotate, user, allowed, "", "changing"}, act{rotate, user, allowed, "", "promoted"})
	step("a rotation by a program", ask(apptest.Request{Method: http.MethodPost, Path: one + "/rotate", Key: s.key}, 403), act{rotate, program, denied, "forbidden", ""})
	step("a rotation on schedule", func() {
		s.clock.advance(24 * time.Hour)
		s.until("it is rotated", func() bool { return s.metadata(id).Version == 3 }, s.App.Rotation.RunDue)
	}, act{rotate, own, allowed, "", "began"}, act{rotate, own, allowed, "", "changing"}, act{rotate, own, allowed, "", "promoted"})
	for _, e := range s.events(strongroom.ActionCredentialRotate, id) {
		if e.Provider == nil && e.Outcome == allowed || e.Version == nil && e.Outcome == allowed {
			t.Errorf("the event does not say of what: %+v", e)
		}
	}
}
