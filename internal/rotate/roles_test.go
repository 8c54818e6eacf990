package rotate_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
)

// wantRoles fails the test unless the credential's role in use is this one, and both open.
func (s *scene) wantRoles(id uuid.UUID, inUse string) {
	s.Helper()
	var d map[string]any
	s.must(json.Unmarshal(s.stored(id).Reveal(), &d))
	s.want("role in use", d["username"].(string), inUse)
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	for _, prefix := range []string{"", "alternate_"} {
		if role := d[prefix+"username"].(string); s.server.passwords[role] != d[prefix+"password"] {
			s.Errorf("what is stored for %s does not open", role)
		}
	}
}

func TestTwoRolesChangePlaces(t *testing.T) {
	run(t, func(s *scene) {
		id := s.roles()
		s.reached = func(string) {
			if s.credential(id).Rotation.InDoubt {
				t.Error("the credential is in doubt although readers' role is untouched")
			}
			if !s.server.opens(s.stored(id)) {
				t.Error("what is stored does not open the far end")
			}
		}
		r := s.rotate(id)
		s.wantState(r, strongroom.RotationDone, "")
		s.want("method", r.Method, "postgresql_two_roles")
		s.want("words", s.server.said(), "set password, sign in")
		s.want("events", s.notes(id), "began, changing, promoted")
		s.wantRoles(id, "app_b")
		s.wantState(s.rotate(id), strongroom.RotationDone, "")
		s.wantRoles(id, "app")
		s.wantOpens(id, 3)
	})
}

func TestWhatTheFarEndSaysOfTheOtherRole(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(s *scene)
		state   strongroom.RotationState
		code    strongroom.CheckCode
		says    string
		words   string
	}{
		"its stored password is refused: it failed, and says what to store": {
			arrange: func(s *scene) { s.server.set("app_b", "by hand") },
			state:   strongroom.RotationFailed, code: strongroom.CheckAuth, says: "alternate_password", words: "set password",
		},
		"somebody else judges its password: it failed, and says what to store": {
			arrange: func(s *scene) { s.server.deaf["app_b"] = "first-b" },
			state:   strongroom.RotationFailed, code: strongroom.CheckAuth, says: "alternate_password", words: "set password, sign in",
		},
		"the change is not allowed: it failed": {
			arrange: func(s *scene) { s.server.hook(failing(1, strongroom.CheckPermission, "set password"), nil) },
			state:   strongroom.RotationFailed, code: strongroom.CheckPermission, words: "set password",
		},
		"the answer is lost and the password changed: it is promoted": {
			arrange: func(s *scene) { s.server.hook(nil, failing(1, cut, "set password")) },
			state:   strongroom.RotationDone, words: "set password, sign in",
		},
		"the answer is lost and the password is another by hand: it fails at the next try": {
			arrange: func(s *scene) {
				s.server.hook(nil, func(word string) strongroom.CheckCode {
					if word == "set password" {
						s.server.set("app_b", "by hand")
						s.server.hook(nil, nil)
						return cut
					}
					return works
				})
			},
			state: strongroom.RotationFailed, code: strongroom.CheckAuth, says: "alternate_password", words: "set password, sign in, sign in, set password",
		},
		"unreachable for a while: it is done later": {
			arrange: func(s *scene) { s.server.hook(failing(3, strongroom.CheckTimeout, "set password", "sign in"), nil) },
			state:   strongroom.RotationDone, words: "set password, set password, set password, set password, sign in",
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.roles()
				c.arrange(s)
				r := s.rotate(id)
				for r.State.Active() {
					s.wantOpens(id, 1)
					r = s.due(r)
				}
				s.wantState(r, c.state, c.code)
				if !strings.Contains(r.Message, c.says) {
					t.Errorf("it says %q", r.Message)
				}
				s.want("words", s.server.said(), c.words)
				version := int64(1)
				if c.state == strongroom.RotationDone {
					version = 2
				}
				s.wantOpens(id, version)
			})
		})
	}
}

func TestRolesThatWereReplacedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		data    string
		state   strongroom.RotationState
		version int64
	}{
		"with the same two: the other one's new password is promoted": {rolesData, strongroom.RotationDone, 3},
		"with a single one: the rotation is overtaken":                {passwordData("first"), strongroom.RotationAbandoned, 2},
		"with the other one in use and another password: the rotation is overtaken": {
			`{"host":"db.example.com","port":5432,"username":"app_c","password":"c","database":"d","alternate_username":"app","alternate_password":"first"}`,
			strongroom.RotationAbandoned, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				s.server.set("app_c", "c")
				id := s.roles()
				s.server.hook(nil, func(word string) strongroom.CheckCode {
					if word == "set password" {
						s.server.hook(nil, nil)
						s.replace(id, c.data)
					}
					return works
				})
				r := s.rotate(id)
				s.wantState(r, c.state, "")
				s.wantOpens(id, c.version)
			})
		})
	}
}
