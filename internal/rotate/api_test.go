package rotate_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func TestWhatCannotBeRotated(t *testing.T) {
	run(t, func(s *scene) {
		for name, id := range map[string]uuid.UUID{
			"SFTP by password":       s.create("sftp", "user_password", `{"host":"h.example.com","username":"u","password":"p"}`),
			"SFTP told to use one":   s.create("sftp", "sftp", `{"host":"h.example.com","username":"u","auth_type":"password","password":"p"}`),
			"an API key":             s.create("api_credential", "api_key", `{"api_key":"k"}`),
			"a mailbox's credential": s.create("aws_ses", "api_key", `{"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00","region":"eu-west-1"}`),
		} {
			_, err := s.Rotate(s.Context(), s.user, id)
			s.wantRefused(err, strongroom.CodeBadRequest)
			if !strings.Contains(err.Error(), "PostgreSQL") || !strings.Contains(err.Error(), "SFTP") {
				t.Errorf("%s: it does not say what can be rotated: %v", name, err)
			}
			_, err = s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{MaxAge: 24 * time.Hour})
			s.wantRefused(err, strongroom.CodeBadRequest)
			_, err = s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{})
			s.must(err)
		}
	})
}

func TestManyWhoRotateAtOnceMakeOneRotation(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		other, _ := s.another()
		s.server.hook(func(string) strongroom.CheckCode { <-time.After(time.Second); return works }, nil)
		var all sync.WaitGroup
		for i := range 8 {
			by := s.Service
			if i%2 == 1 {
				by = other
			}
			all.Go(func() {
				r, err := by.Rotate(s.Context(), s.user, id)
				if err != nil || r.State != strongroom.RotationDone {
					t.Errorf("it is %s, %v", r.State, err)
				}
			})
		}
		all.Wait()
		s.want("words", s.server.said(), "set password, sign in")
		s.wantOpens(id, 2)
	})
}

func TestWhoHasWaitedForAnothersTryDoesNotMakeOneMore(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		other, _ := s.another()
		resume, ended := s.stalled(other, id, "before set password")
		s.server.hook(failing(1, strongroom.CheckRefused, "set password"), nil)
		go func() {
			<-time.After(time.Second)
			resume()
		}()
		s.wantState(s.rotate(id), strongroom.RotationPending, strongroom.CheckRefused)
		<-ended
		s.want("words", s.server.said(), "set password")
	})
}

func TestWhoRotatesIsNotKeptWaitingForEver(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		release := make(chan struct{})
		s.server.hook(func(string) strongroom.CheckCode { <-release; return works }, nil)
		began := time.Now()
		r := s.rotate(id)
		if waited := time.Since(began); waited != 25*time.Second || r.State != strongroom.RotationChanging {
			t.Errorf("after %v it is %s", waited, r.State)
		}
		close(release)
		synctest.Wait()
		s.wantState(s.rotation(r.ID).Rotation, strongroom.RotationDone, "")
		s.wantOpens(id, 2)
	})
}

func TestWhoGoesAwayEndsNothing(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		ctx, leave := context.WithCancel(s.Context())
		s.server.hook(func(string) strongroom.CheckCode { leave(); return works }, nil)
		_, err := s.Rotate(ctx, s.user, id)
		if err != nil {
			s.wantRefused(err, strongroom.CodeRepositoryUnavailable)
		}
		synctest.Wait()
		s.wantOpens(id, 2)
	})
}

func TestRotationsAreListed(t *testing.T) {
	run(t, func(s *scene) {
		first, second := s.password(), s.roles()
		a, b := s.rotate(first), s.rotate(second)
		admin := s.user
		admin.Role = strongroom.RoleOrgAdmin
		narrowed := s.worker()
		narrowed.Grants = []strongroom.Grant{{CredentialIDs: []uuid.UUID{first}}}
		nobody := admin
		nobody.OrganizationID = uuid.Nil
		page := strongroom.Page{Limit: 10}
		for name, c := range map[string]struct {
			caller strongroom.Caller
			q      strongroom.RotationQuery
			want   []uuid.UUID
			code   strongroom.Code
		}{
			"a credential's, to its owner":                  {s.user, strongroom.RotationQuery{Page: page, CredentialID: first}, []uuid.UUID{a.ID}, ""},
			"the organization's, to an org_admin":           {admin, strongroom.RotationQuery{Page: page}, []uuid.UUID{b.ID, a.ID}, ""},
			"those in a state":                              {admin, strongroom.RotationQuery{Page: page, State: strongroom.RotationStuck}, nil, ""},
			"the organization's, to a program":              {s.worker(), strongroom.RotationQuery{Page: page}, []uuid.UUID{b.ID, a.ID}, ""},
			"every one's, to the operator":                  {strongroom.Operator(uuid.Nil, ""), strongroom.RotationQuery{Page: page}, []uuid.UUID{b.ID, a.ID}, ""},
			"the organization's, to a narrowed program":     {narrowed, strongroom.RotationQuery{Page: page}, nil, strongroom.CodeForbidden},
			"one in reach, to a narrowed program":           {narrowed, strongroom.RotationQuery{Page: page, CredentialID: first}, []uuid.UUID{a.ID}, ""},
			"one out of reach, to a narrowed program":       {narrowed, strongroom.RotationQuery{Page: page, CredentialID: second}, nil, strongroom.CodeForbidden},
			"the organization's, to another user":           {s.user, strongroom.RotationQuery{Page: page}, nil, strongroom.CodeForbidden},
			"every one's, to anybody but the operator":      {nobody, strongroom.RotationQuery{Page: page}, nil, strongroom.CodeForbidden},
			"those of a credential that is not there":       {admin, strongroom.RotationQuery{Page: page, CredentialID: uuid.New()}, nil, strongroom.CodeNotFound},
			"a page of the organization's, to an org_admin": {admin, strongroom.RotationQuery{Page: strongroom.Page{Limit: 1, Offset: 1}}, []uuid.UUID{a.ID}, ""},
		} {
			got, err := s.Rotations(s.Context(), c.caller, c.q)
			if strongroom.CodeOf(err) != c.code || len(got) != len(c.want) {
				t.Errorf("%s: %d rotations, %v", name, len(got), err)
				continue
			}
			for i := range got {
				if got[i].ID != c.want[i] {
					t.Errorf("%s: rotation %d is another", name, i)
				}
			}
		}
	})
}

func TestAPolicy(t *testing.T) {
	for name, p := range map[string]strongroom.RotationPolicy{
		"an age under an hour":      {MaxAge: 59 * time.Minute},
		"an age over 3650 days":     {MaxAge: 3650*24*time.Hour + 1},
		"an age below nothing":      {MaxAge: -time.Hour},
		"a grace period over 90 d":  {Grace: 90*24*time.Hour + 1},
		"a grace period below zero": {Grace: -1},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			run(t, func(s *scene) {
				_, err := s.SetRotationPolicy(s.Context(), s.user, s.password(), p)
				s.wantRefused(err, strongroom.CodeValidation)
			})
		})
	}
	t.Run("is counted from the last rotation, or from when the data was stored, and is never due before now", func(t *testing.T) {
		run(t, func(s *scene) {
			id, born := s.password(), strongroom.Timestamp(time.Now())
			set := func(age time.Duration, want time.Time) {
				t.Helper()
				c, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{MaxAge: age})
				s.must(err)
				stored := s.credential(id).Rotation
				if c.Rotation.NextAt == nil || !c.Rotation.NextAt.Equal(want) || stored.NextAt == nil || !stored.NextAt.Equal(want) || stored.MaxAge != age {
					t.Errorf("with an age of %v it is due at %v, want %v", age, c.Rotation.NextAt, want)
				}
			}
			<-time.After(10 * time.Hour)
			set(24*time.Hour, born.Add(24*time.Hour))
			<-time.After(time.Hour)
			set(48*time.Hour, born.Add(48*time.Hour))
			set(72*time.Hour, born.Add(72*time.Hour))
			set(2*time.Hour, strongroom.Timestamp(time.Now()))
			set(72*time.Hour, strongroom.Timestamp(time.Now().Add(70*time.Hour)))
			s.rotate(id)
			rotated := strongroom.Timestamp(time.Now())
			if c := s.credential(id).Rotation; !c.NextAt.Equal(rotated.Add(72*time.Hour)) || !c.LastAt.Equal(rotated) {
				t.Errorf("after a rotation it is due at %v", c.NextAt)
			}
			<-time.After(time.Hour)
			set(5*time.Hour, rotated.Add(5*time.Hour))
			_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{})
			s.must(err)
			if s.credential(id).Rotation.NextAt != nil {
				t.Error("a credential without a policy is due")
			}
		})
	})
}

func TestTheScheduleBeginsRotations(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{MaxAge: 24 * time.Hour})
		s.must(err)
		s.background(time.Minute)
		s.wantOpens(id, 1)
		<-time.After(24 * time.Hour)
		s.background(time.Minute)
		s.wantOpens(id, 2)
		all, err := s.Rotations(s.Context(), s.user, strongroom.RotationQuery{Page: strongroom.Page{Limit: 9}, CredentialID: id})
		s.must(err)
		if len(all) != 1 || all[0].Trigger != strongroom.RotationScheduled || all[0].BeganBy != uuid.Nil || s.credential(id).ModifiedBy != s.user.ID {
			t.Errorf("the rotations are %+v", all)
		}
		<-time.After(24 * time.Hour)
		s.background(time.Minute)
		s.wantOpens(id, 3)
	})
}

func TestAScheduledRotationThatFailsComesAgainLessAndLess(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{MaxAge: time.Hour})
		s.must(err)
		s.server.hook(failing(-1, strongroom.CheckPermission, "set password"), nil)
		<-time.After(time.Hour)
		var waits []time.Duration
		for range 7 {
			s.background(time.Second)
			waits = append(waits, time.Until(*s.credential(id).Rotation.NextAt).Round(time.Hour))
			<-time.After(time.Until(*s.credential(id).Rotation.NextAt))
		}
		for i, want := range []time.Duration{1, 2, 4, 8, 16, 24, 24} {
			if waits[i] != want*time.Hour {
				t.Fatalf("the pauses were %v", waits)
			}
		}
		s.server.hook(nil, nil)
		s.background(time.Minute)
		s.wantOpens(id, 2)
		if wait := time.Until(*s.credential(id).Rotation.NextAt).Round(time.Minute); wait > time.Hour {
			t.Errorf("after one that worked the next is due in %v", wait)
		}
	})
}

func TestABeginningThatFailsIsTriedAgainInAnHour(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{MaxAge: time.Hour})
		s.must(err)
		<-time.After(time.Hour)
		s.audit.hook(func(notes []string) error {
			if len(notes) > 0 && notes[0] == "began" {
				return store.ErrUnavailable
			}
			return nil
		}, nil)
		s.background(time.Minute)
		s.audit.hook(nil, nil)
		s.background(time.Minute)
		s.wantOpens(id, 1)
		<-time.After(time.Hour)
		s.background(time.Minute)
		s.wantOpens(id, 2)
	})
}

func TestTwoProcessesBeginAndGoOnWithEachRotationOnce(t *testing.T) {
	run(t, func(s *scene) {
		other, _ := s.another()
		var ids []uuid.UUID
		for range 12 {
			id := s.key()
			_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{MaxAge: 24 * time.Hour, Grace: time.Hour})
			s.must(err)
			ids = append(ids, id)
		}
		<-time.After(24 * time.Hour)
		ctx, stop := context.WithCancel(s.Context())
		var both sync.WaitGroup
		both.Go(func() { s.RunDue(ctx, 3) })
		both.Go(func() { other.RunDue(ctx, 3) })
		<-time.After(time.Minute)
		<-time.After(time.Hour)
		stop()
		both.Wait()
		for _, id := range ids {
			s.wantOpens(id, 2)
			s.want("events", s.notes(id), "began, changing, promoted, cleaned")
		}
		if n := strings.Count(s.server.said(), "add key"); n != len(ids) {
			t.Errorf("%d keys were added for %d credentials", n, len(ids))
		}
	})
}

func TestAFarEndThatPanicsEndsOneTry(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		s.panics = true
		s.server.hook(nil, func(string) strongroom.CheckCode {
			s.server.hook(nil, nil)
			panic("canary")
		})
		r := s.rotate(id)
		if !r.State.Active() || strings.Contains(s.log.String(), "canary") {
			t.Errorf("it is %s; log: %s", r.State, s.log)
		}
		if !s.server.opens(s.open(id)) {
			t.Error("what a reader gets does not open the far end")
		}
		s.finish(id)
		s.wantOpens(id, 2)
	})
}

func TestClosing(t *testing.T) {
	t.Run("waits for what the far end was told, and begins nothing", func(t *testing.T) {
		run(t, func(s *scene) {
			id, next := s.password(), s.password()
			said := make(chan struct{})
			s.server.hook(func(word string) strongroom.CheckCode {
				if word == "set password" {
					close(said)
					<-time.After(5 * time.Second)
				}
				return works
			}, nil)
			s.audit.hook(breaking(1, "promoted"), nil)
			go func() { _, _ = s.Rotate(s.Context(), s.user, id) }()
			<-said
			ctx, cancel := context.WithTimeout(s.Context(), 20*time.Second)
			defer cancel()
			s.must(s.Close(ctx))
			s.wantOpens(id, 2)
			s.server.said()
			_, err := s.Rotate(s.Context(), s.user, next)
			s.wantRefused(err, strongroom.CodeOverloaded)
			s.want("words after that", s.server.said(), "")
		})
	})
	t.Run("ends when its time is over; what was left goes on elsewhere", func(t *testing.T) {
		run(t, func(s *scene) {
			id, release := s.password(), make(chan struct{})
			other, _ := s.another()
			s.server.hook(func(string) strongroom.CheckCode { <-release; return works }, nil)
			go func() { _, _ = other.Rotate(s.Context(), s.user, id) }()
			synctest.Wait()
			ctx, cancel := context.WithTimeout(s.Context(), 5*time.Second)
			defer cancel()
			if err := other.Close(ctx); err == nil {
				t.Error("it has ended with the far end's answer outstanding")
			}
			close(release)
			synctest.Wait()
			s.finish(id)
			s.wantOpens(id, 2)
		})
	})
}

// TestNoSecretIsWrittenAnywhere: neither the old one nor the new one is in the log, in an
// event or in a rotation.
func TestNoSecretIsWrittenAnywhere(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		s.server.hook(failing(2, strongroom.CheckTimeout, "set password"), nil)
		r := s.due(s.due(s.rotate(id)))
		s.wantState(r, strongroom.RotationDone, "")
		records, err := s.store.ListEvents(s.Context(), s.organization, strongroom.EventQuery{Limit: 1000})
		s.must(err)
		everything := s.log.String() + r.Message
		for _, e := range records {
			everything += string(e.Body)
		}
		for _, hidden := range []string{"first", s.server.passwords["app"]} {
			if strings.Contains(everything, hidden) {
				t.Error("a password is written where it can be read")
			}
		}
		if !strings.Contains(s.log.String(), r.ID.String()) {
			t.Error("the log says nothing of the rotation")
		}
	})
}
