package connections_test

import (
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
	"strongroom/internal/health"
	"strongroom/internal/probe/sshtest"
)

func TestAStoredCredentialIsTestedByWhoeverReachesIt(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", d.data())
	if m := s.metadata(id); m.Health != nil || m.LastCheckedAt != nil || m.LastCheck != nil || m.NextCheckAt == nil {
		t.Errorf("before the first test the metadata say %s", brief(m))
	}
	for name, caller := range map[string]apptest.Request{
		"the owner": {Token: s.user}, "an org_admin": {Token: s.admin}, "a program": {Key: s.key},
	} {
		for _, path := range []string{credentials + "/" + id + "/test", unsavedPG + "/" + id} {
			t.Run(name+" at "+strings.Replace(path, id, "{id}", 1), func(t *testing.T) {
				caller.Method, caller.Path = http.MethodPost, path
				before := len(s.checks(id))
				var c api.CredentialCheck
				s.send(caller).Want(t, http.StatusOK).Into(t, &c)
				wantTried(t, c.ConnectionTest, "")
				if c.Trigger != "request" || c.Version != 1 || c.CheckedAt.IsZero() || len(c.Phases) == 0 || c.Details["user"] != d.role {
					t.Errorf("the answer is %+v", c)
				}
				m := s.metadata(id)
				if deref(m.Health) != "ok" || m.LastCheckedAt == nil || !m.LastCheckedAt.Equal(c.CheckedAt) || m.NextCheckAt == nil || !m.NextCheckAt.After(c.CheckedAt) {
					t.Errorf("the metadata say %s", brief(m))
				}
				if !reflect.DeepEqual(m.LastCheck, &c) {
					t.Errorf("last_check is %+v, want %+v", m.LastCheck, c)
				}
				if list := s.checks(id); len(list) != before+1 || !list[0].CheckedAt.Equal(c.CheckedAt) {
					t.Errorf("there are %d checks after %d", len(list), before)
				}
			})
		}
	}
	t.Run("not another user", func(t *testing.T) {
		other := s.UserToken(s.organization, uuid.New(), strongroom.RoleAppUser)
		s.send(apptest.Request{Method: http.MethodPost, Path: credentials + "/" + id + "/test", Token: other}).WantError(t, http.StatusForbidden, "forbidden")
	})
	t.Run("not another organization", func(t *testing.T) {
		stranger := s.UserToken(uuid.New(), uuid.New(), strongroom.RoleOrgAdmin)
		s.send(apptest.Request{Method: http.MethodPost, Path: credentials + "/" + id + "/test", Token: stranger}).WantError(t, http.StatusNotFound, "not_found")
	})
}

func TestAFailedTestStaysOnTheCredentialUntilItIsMended(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", with(d.data(), "password", s.wrong()))
	wantTried(t, s.test(id).ConnectionTest, strongroom.CheckAuth)
	if m := s.metadata(id); deref(m.Health) != "failing" || m.LastCheckedAt == nil {
		t.Errorf("the metadata say %s", brief(m))
	}

	s.replace(id, "user_password", d.data())
	if m := s.metadata(id); m.Health != nil || m.LastCheckedAt != nil || m.LastCheck != nil || m.NextCheckAt == nil {
		t.Errorf("of new data the metadata say %s", brief(m))
	}
	c := s.test(id)
	wantTried(t, c.ConnectionTest, "")
	if c.Version != 2 || s.health(id) != "ok" {
		t.Errorf("version %d is %s", c.Version, s.health(id))
	}
}

// wrong is a password that opens nothing, and is looked for.
func (s *scene) wrong() string {
	value := "wrong-" + uuid.NewString()
	s.secret(value)
	return value
}

func TestWhatEndsSoonIsForeseen(t *testing.T) {
	s := begin(t)
	d := s.postgres()
	id := s.store("postgresql", "user_password", with(d.data(), "sslmode", "verify-full", "sslrootcert", d.CA))
	c := s.test(id)
	wantTried(t, c.ConnectionTest, "")
	kinds := map[string]bool{}
	for _, w := range c.Warnings {
		kinds[w.Kind] = w.Message != "" && !w.ExpiresAt.IsZero()
	}
	if len(c.Warnings) != 2 || !kinds["ca_certificate"] || !kinds["server_certificate"] || s.health(id) != "expiring" {
		t.Errorf("it is %s, and warned of %+v", s.health(id), c.Warnings)
	}
}

func TestTheHostKeyOfTheFirstConnectionIsHeldTo(t *testing.T) {
	s := begin(t)
	first, second := s.sshd(sshtest.Options{}), s.sshd(sshtest.Options{})
	way := startRelay(t, first.Address())
	data := with(byPassword(first), "port", way.port())
	id := s.store("sftp", "sftp", data)
	wantTried(t, s.test(id).ConnectionTest, "")
	known := deref(s.metadata(id).KnownHost)
	if !strings.HasSuffix(known, " "+first.HostKeyLine("ed25519")) {
		t.Fatalf("known_host is %q", known)
	}
	wantTried(t, s.test(id).ConnectionTest, "")

	way.lead(second.Address())
	c := s.test(id)
	wantTried(t, c.ConnectionTest, strongroom.CheckHostKey)
	if m := s.metadata(id); deref(m.Health) != "failing" || deref(m.KnownHost) != known {
		t.Errorf("the metadata say %s", brief(m))
	}
	if c.Details["host_key"] != nil || c.Details["known_host"] != nil {
		t.Errorf("a key that is not trusted is given out to be pinned: %v", c.Details)
	}

	t.Run("also where new data has the same host", func(t *testing.T) {
		s.replace(id, "sftp", with(data, "password", s.wrong()))
		wantTried(t, s.test(id).ConnectionTest, strongroom.CheckHostKey)
	})
	wantNoLogin(t, second)

	t.Run("until the new one is stored", func(t *testing.T) {
		third := s.sshd(sshtest.Options{})
		way.lead(third.Address())
		s.replace(id, "sftp", with(byPassword(third), "port", way.port(), "host_key", third.HostKeyLine("ed25519")))
		wantTried(t, s.test(id).ConnectionTest, "")
	})
}

func TestATestOnDemandWritesAndOneOnScheduleOnlyLooks(t *testing.T) {
	s := begin(t)
	server := s.sshd(sshtest.Options{ReadOnly: true})
	id := s.store("sftp", "sftp", byPassword(server))
	s.clock.advance(aWhile)
	s.untilDone("it is tested", func() bool { return len(s.checks(id)) == 1 })
	if c := s.checks(id)[0]; !c.Success || c.Trigger != "schedule" {
		t.Errorf("on schedule: %+v", c)
	}
	wantTried(t, s.test(id).ConnectionTest, strongroom.CheckPermission)
}

func TestOneOrganizationDoesNotTakeAllTests(t *testing.T) {
	s := begin(t)
	const most = health.DefaultPerOrganization
	key := s.wrong()
	e := startAPI(t, key)
	id := s.api(e, "/me", key)
	release := e.hold()
	defer release()
	test := apptest.Request{Method: http.MethodPost, Path: credentials + "/" + id + "/test", Token: s.user}
	answers := make(chan apptest.Answer, most)
	for range most {
		go func() {
			a, _ := s.Try(test)
			answers <- a
		}()
	}
	eventually(t, "all are under way", func() bool { return e.count("/me") == most })
	a := s.send(test).WantError(t, http.StatusTooManyRequests, "rate_limited")
	if a.Header.Get("Retry-After") == "" {
		t.Error("nothing says when to come back")
	}
	s.post(unsavedSFTP, object{"host": "127.0.0.1", "username": "u", "auth_type": "password", "password": s.wrong()}).WantError(t, http.StatusTooManyRequests, "rate_limited")
	stranger := s.UserToken(uuid.New(), uuid.New(), strongroom.RoleAppUser)
	s.send(apptest.Request{Method: http.MethodPost, Path: unsavedSFTP, Token: stranger, Body: object{
		"host": "127.0.0.1", "port": closed(t), "username": "u", "auth_type": "password", "password": s.wrong(),
	}}).Want(t, http.StatusOK)
	release()
	for range most {
		(<-answers).Want(t, http.StatusOK)
	}
	wantTried(t, s.test(id).ConnectionTest, "")
}
