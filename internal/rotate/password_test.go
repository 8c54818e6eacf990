package rotate_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func TestAPasswordIsReplaced(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		r := s.rotate(id)
		s.wantState(r, strongroom.RotationDone, "")
		s.wantOpens(id, 2)
		s.want("words", s.server.said(), "set password, sign in")
		s.want("events", s.notes(id), "began, changing, promoted")
		if r.Method != "postgresql_password" || r.Trigger != strongroom.RotationRequested || r.BeganBy != s.user.ID || r.FromVersion != 1 || r.PromotedVersion != 2 {
			t.Errorf("the rotation is %+v", r)
		}
		if c := s.credential(id); c.Rotation.LastAt == nil || c.ModifiedBy != s.user.ID {
			t.Errorf("the credential was rotated at %v by %v", c.Rotation.LastAt, c.ModifiedBy)
		}
		if s.server.passwords["app"] == "first" {
			t.Error("the password is the old one")
		}
	})
}

func TestWhatTheFarEndSaysOfAPassword(t *testing.T) {
	for name, c := range map[string]struct {
		before, after func(string) strongroom.CheckCode
		state         strongroom.RotationState
		code          strongroom.CheckCode
		doubt         bool
		words, notes  string
	}{
		"unreachable before anything was sent: nothing has changed and nothing is in doubt": {
			before: failing(1, strongroom.CheckRefused, "set password"), state: strongroom.RotationPending, code: strongroom.CheckRefused,
			words: "set password", notes: "began, changing, pending",
		},
		"what is stored is refused before anything was sent: it failed, and is not tried again": {
			before: failing(1, strongroom.CheckAuth, "set password"), state: strongroom.RotationFailed, code: strongroom.CheckAuth,
			words: "set password", notes: "began, changing, failed:auth",
		},
		"the change is not allowed: it failed, and the old password is what it was": {
			before: failing(1, strongroom.CheckPermission, "set password"), state: strongroom.RotationFailed, code: strongroom.CheckPermission,
			words: "set password", notes: "began, changing, failed:permission",
		},
		"the answer is lost and the password changed: the new one opens": {
			after: failing(1, cut, "set password"), state: strongroom.RotationDone,
			words: "set password, sign in", notes: "began, changing, promoted",
		},
		"the answer is lost and the password did not change: it stays in doubt and is tried again": {
			before: failing(1, cut, "set password"), state: strongroom.RotationChanging, code: strongroom.CheckTimeout, doubt: true,
			words: "set password, sign in", notes: "began, changing",
		},
		"the new password cannot be tried: it stays in doubt": {
			before: failing(1, strongroom.CheckTimeout, "sign in"), state: strongroom.RotationChanging, code: strongroom.CheckTimeout, doubt: true,
			words: "set password, sign in", notes: "began, changing",
		},
		"the new password signs in and may not look at the database: it is the one that opens": {
			before: failing(1, strongroom.CheckPermission, "sign in"), state: strongroom.RotationDone,
			words: "set password, sign in", notes: "began, changing, promoted",
		},
		"the new password signs in and the connection breaks then: it is the one that opens": {
			before: failing(1, cut, "sign in"), state: strongroom.RotationDone,
			words: "set password, sign in", notes: "began, changing, promoted",
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.password()
				s.server.hook(c.before, c.after)
				r := s.rotate(id)
				s.wantState(r, c.state, c.code)
				s.want("words", s.server.said(), c.words)
				s.want("events", s.notes(id), c.notes)
				if got := s.credential(id).Rotation.InDoubt; got != c.doubt {
					t.Errorf("in doubt: %v, want %v", got, c.doubt)
				}
				if !s.server.opens(s.open(id)) {
					t.Error("what a reader gets does not open the far end")
				}
				if s.server.hook(nil, nil); s.rotation(r.ID).State.Active() {
					s.wantState(s.due(r), strongroom.RotationDone, "")
				}
				version := int64(2)
				if c.state == strongroom.RotationFailed {
					version = 1
				}
				s.wantOpens(id, version)
			})
		})
	}
}

func TestAPasswordThatOpensNothingIsStuckAfterThreeRefusals(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		// Somebody changes the password by hand while the answer is lost.
		s.server.hook(nil, func(word string) strongroom.CheckCode {
			if word == "set password" {
				s.server.set("app", "by hand")
				return cut
			}
			return works
		})
		r := s.rotate(id)
		s.wantState(r, strongroom.RotationChanging, strongroom.CheckTimeout)
		s.server.hook(nil, nil)
		r = s.due(r)
		s.wantState(r, strongroom.RotationChanging, strongroom.CheckAuth)
		r = s.due(r)
		s.wantState(r, strongroom.RotationStuck, strongroom.CheckAuth)
		if r.Attempts != 3 || r.NextAt != nil || s.credential(id).Rotation.InDoubt {
			t.Errorf("stuck after %d tries, next at %v, in doubt: %v", r.Attempts, r.NextAt, s.credential(id).Rotation.InDoubt)
		}
		s.want("events", s.notes(id), "began, changing, stuck")
		s.server.said()
		s.open(id)
		s.background(time.Minute)
		s.want("words after that", s.server.said(), "")

		_, err := s.Rotate(s.Context(), s.user, id)
		s.wantRefused(err, strongroom.CodeConflict)
		s.server.set("app", "first")
		r, err = s.Resume(s.Context(), s.user, id, r.ID)
		s.must(err)
		s.wantState(r, strongroom.RotationDone, "")
		s.wantOpens(id, 2)
		s.want("events", s.notes(id), "began, changing, stuck, resumed, promoted")
	})
}

func TestAPasswordThatSomebodyElseJudgesIsStuckAndTheOldOneServed(t *testing.T) {
	run(t, func(s *scene) {
		s.server.deaf["app"] = "first"
		id := s.password()
		r := s.rotate(id)
		for range 2 {
			s.wantState(r, strongroom.RotationChanging, strongroom.CheckAuth)
			r = s.due(r)
		}
		s.wantState(r, strongroom.RotationStuck, strongroom.CheckAuth)
		s.wantOpens(id, 1)
		r, err := s.Abandon(s.Context(), s.user, id, r.ID, false)
		s.must(err)
		s.wantState(r, strongroom.RotationAbandoned, "")
		s.wantOpens(id, 1)
	})
}

func TestAFarEndThatDoesNotAnswerIsTriedLessAndLess(t *testing.T) {
	t.Run("after the change: until it is stuck", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.server.hook(failing(-1, strongroom.CheckTimeout, "sign in"), failing(1, cut, "set password"))
			r := s.rotate(id)
			var waits []time.Duration
			for r.State == strongroom.RotationChanging {
				waits = append(waits, r.NextAt.Sub(r.UpdatedAt))
				r = s.due(r)
			}
			s.wantState(r, strongroom.RotationStuck, strongroom.CheckTimeout)
			if len(waits) != 23 || waits[0] != 15*time.Second || waits[1] != 30*time.Second || waits[22] != 30*time.Minute {
				t.Errorf("the pauses were %v", waits)
			}
			s.server.hook(nil, nil)
			r, err := s.Resume(s.Context(), s.user, id, r.ID)
			s.must(err)
			s.wantState(r, strongroom.RotationDone, "")
			s.wantOpens(id, 2)
		})
	})
	t.Run("before it: until it has failed, since nothing has changed", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.server.hook(failing(-1, strongroom.CheckDNS, "set password"), nil)
			r := s.rotate(id)
			for r.State == strongroom.RotationPending {
				s.wantOpens(id, 1)
				r = s.due(r)
			}
			s.wantState(r, strongroom.RotationFailed, strongroom.CheckDNS)
			s.wantOpens(id, 1)
			if r.Attempts != 24 {
				t.Errorf("it was tried %d times", r.Attempts)
			}
		})
	})
}

func TestOneRefusalAmongFailuresIsNotEnough(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		s.server.hook(failing(5, strongroom.CheckTimeout, "sign in"), nil)
		r := s.rotate(id)
		for range 4 {
			r = s.due(r)
		}
		s.wantState(r, strongroom.RotationChanging, strongroom.CheckTimeout)
		s.server.hook(failing(2, strongroom.CheckAuth, "sign in", "set password"), nil)
		r = s.due(r)
		s.wantState(r, strongroom.RotationChanging, strongroom.CheckAuth)
		s.wantState(s.due(r), strongroom.RotationDone, "")
		s.wantOpens(id, 2)
	})
}

func TestAPasswordThatWasReplacedMeanwhile(t *testing.T) {
	for name, c := range map[string]struct {
		after   func(s *scene, id uuid.UUID) func(string) strongroom.CheckCode
		state   strongroom.RotationState
		version int64
	}{
		"with data that open: the rotation is overtaken": {
			after: func(s *scene, id uuid.UUID) func(string) strongroom.CheckCode {
				return func(word string) strongroom.CheckCode {
					if word == "set password" {
						s.server.set("app", "by hand")
						s.replace(id, passwordData("by hand"))
						return cut
					}
					return works
				}
			},
			state: strongroom.RotationAbandoned, version: 2,
		},
		"with data that do not open while the new password does: it is promoted onto them": {
			after: func(s *scene, id uuid.UUID) func(string) strongroom.CheckCode {
				return func(word string) strongroom.CheckCode {
					if word == "set password" {
						s.replace(id, passwordData("wrong"))
					}
					return works
				}
			},
			state: strongroom.RotationDone, version: 3,
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.password()
				s.server.hook(nil, c.after(s, id))
				r := s.rotate(id)
				if r.State.Active() {
					r = s.due(r)
				}
				s.wantState(r, c.state, "")
				s.wantOpens(id, c.version)
			})
		})
	}
	t.Run("before anything was changed: the rotation is abandoned and the far end not told", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.server.hook(failing(1, strongroom.CheckRefused, "set password"), nil)
			r := s.rotate(id)
			s.server.said()
			s.replace(id, passwordData("first"))
			r = s.due(r)
			s.wantState(r, strongroom.RotationAbandoned, "")
			s.want("words", s.server.said(), "")
			s.wantOpens(id, 2)
		})
	})
}

func TestADeletedCredentialsRotationWaitsForItsRestoration(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		s.server.hook(nil, func(word string) strongroom.CheckCode {
			if word == "set password" {
				_, err := s.custody.Delete(s.Context(), s.user, id, false)
				s.must(err)
			}
			return works
		})
		r, err := s.Rotate(s.Context(), s.user, id)
		s.must(err)
		s.wantState(r, strongroom.RotationChanging, "")
		if r.Attempts != 0 || time.Until(*r.NextAt) > 0 {
			t.Errorf("after %d tries it is due at %v", r.Attempts, r.NextAt)
		}
		s.server.hook(nil, nil)
		s.server.said()
		<-time.After(24 * time.Hour)
		s.background(time.Minute)
		s.want("words while it is deleted", s.server.said(), "")
		_, err = s.custody.Restore(s.Context(), strongroom.Operator(s.organization, ""), id)
		s.must(err)
		if !s.credential(id).Rotation.InDoubt {
			t.Error("a restored credential has forgotten the doubt")
		}
		if !s.server.opens(s.open(id)) {
			t.Error("what a reader gets does not open the far end")
		}
		s.background(time.Minute)
		s.wantOpens(id, 2)
	})
}

func TestWritesThatFail(t *testing.T) {
	for _, note := range []string{"changing", "promoted"} {
		t.Run(note+" is not kept: it is written again", func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.password()
				s.audit.hook(breaking(2, note), nil)
				s.wantState(s.rotate(id), strongroom.RotationDone, "")
				s.wantOpens(id, 2)
				s.want("events", s.notes(id), "began, changing, promoted")
			})
		})
		t.Run(note+" is kept and said not to be: it is not written twice", func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.password()
				s.audit.hook(nil, breaking(1, note))
				s.wantState(s.rotate(id), strongroom.RotationDone, "")
				s.wantOpens(id, 2)
				s.want("events", s.notes(id), "began, changing, promoted")
			})
		})
	}
	t.Run("a try that came to nothing is kept and said not to be: it is not made twice", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.server.hook(failing(1, cut, "set password"), nil)
			s.audit.hook(nil, breaking(1, ""))
			r := s.rotate(id)
			<-time.After(time.Second)
			s.wantState(s.rotation(r.ID).Rotation, strongroom.RotationChanging, strongroom.CheckTimeout)
			s.want("words", s.server.said(), "set password, sign in")
			s.wantState(s.due(r), strongroom.RotationDone, "")
		})
	})
	t.Run("for longer than the lease: it goes on when the database is back", func(t *testing.T) {
		run(t, func(s *scene) {
			id, began := s.password(), time.Now()
			s.audit.hook(func(notes []string) error {
				if len(notes) > 0 && notes[0] == "promoted" && time.Since(began) < 5*time.Minute {
					return store.ErrUnavailable
				}
				return nil
			}, nil)
			r := s.rotate(id)
			s.wantState(r, strongroom.RotationChanging, "")
			s.finish(id)
			s.wantState(s.rotation(r.ID).Rotation, strongroom.RotationDone, "")
			s.wantOpens(id, 2)
		})
	})
	t.Run("the beginning: nothing was begun", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.audit.hook(breaking(1, "began"), nil)
			_, err := s.Rotate(s.Context(), s.user, id)
			s.wantRefused(err, strongroom.CodeRepositoryUnavailable)
			s.want("words", s.server.said(), "")
			s.wantState(s.rotate(id), strongroom.RotationDone, "")
		})
	})
}
