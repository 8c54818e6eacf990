package health_test

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/health"
	"strongroom/internal/store"
	"strongroom/secret"
)

func TestACredentialIsTestedAndTheResultKept(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		before := s.stored(c.ID)
		check := s.ask(c.ID)
		if !check.Success || check.Trigger != strongroom.CheckRequested || check.Version != 1 || !check.At.Equal(strongroom.Timestamp(time.Now())) {
			t.Errorf("the result is %+v", check)
		}
		s.wantEvents(strongroom.ActionCredentialTest, "user allowed ok")
		if e := s.events(strongroom.ActionCredentialTest)[0]; e.CredentialID != c.ID || e.Version != 1 || e.Provider != "quick" || e.PrincipalID != s.user {
			t.Errorf("on record is %+v", e)
		}
		s.wantHealth(c.ID, strongroom.HealthOK, 0, 0)
		s.wantNext(c.ID, every)
		got := s.stored(c.ID)
		var last strongroom.Check
		s.must(json.Unmarshal(got.LastCheck, &last))
		if !got.LastCheckedAt.Equal(check.At) || last.Message != works.Message || got.Version != 1 || !got.UpdatedAt.Equal(before.UpdatedAt) || got.LastUsedAt != nil {
			t.Errorf("the credential is %+v", got)
		}
		if s.far.tests()[0].LookOnly {
			t.Error("a test on demand only looks")
		}
	})
}

func TestDataIsDestroyedWhenItsTestHasEnded(t *testing.T) {
	run(t, func(s *scene) {
		var lent secret.Value
		s.far.does(func(_ context.Context, sub health.Subject) strongroom.CheckResult {
			lent = sub.Data
			return works
		})
		c := s.create("quick")
		s.ask(c.ID)
		if lent.Empty() || strings.Contains(string(lent.Reveal()), canary) {
			t.Error("the stored data is still there")
		}
		_, err := s.try(key())
		s.must(err)
		if lent.Empty() || strings.Contains(string(lent.Reveal()), canary) {
			t.Error("the data that was sent is still there")
		}
	})
}

func TestWhatMayNotBeTestedIsNot(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		untested := s.put("file_storage", "user_password", secret.New([]byte(`{"host":"h.example","share":"s","username":"u","password":"`+canary+`"}`)))
		colleague := s.person()
		colleague.ID = uuid.New()
		stranger := s.person()
		stranger.OrganizationID = uuid.New()
		for name, row := range map[string]struct {
			caller   strongroom.Caller
			id       uuid.UUID
			provider string
			want     strongroom.Code
		}{
			"a colleague's":           {colleague, c.ID, "", strongroom.CodeForbidden},
			"another organization's":  {stranger, c.ID, "", strongroom.CodeNotFound},
			"one that is not there":   {s.person(), uuid.New(), "", strongroom.CodeNotFound},
			"one of another provider": {s.person(), c.ID, "slow", strongroom.CodeBadRequest},
			"one without a test":      {s.person(), untested.ID, "", strongroom.CodeBadRequest},
		} {
			_, err := s.TestCredential(s.Context(), row.caller, row.id, row.provider)
			if strongroom.CodeOf(err) != row.want {
				t.Errorf("%s: answered %v, want %s", name, err, row.want)
			}
		}
		if len(s.far.tests()) != 0 {
			t.Error("something was tested")
		}
		if n := len(s.events(strongroom.ActionCredentialTest)); n != 2 {
			t.Errorf("%d refusals are on record in this organization, want 2", n)
		}
		_, err := s.TestCredential(s.Context(), s.person(), c.ID, "QUICK")
		s.must(err)
	})
}

func TestAWorkerTestsWhatItReaches(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		worker := strongroom.Caller{Principal: strongroom.Principal{Kind: strongroom.KindServiceAccount, ID: uuid.New(), OrganizationID: s.organization, Grants: []strongroom.Grant{{Providers: []string{"slow"}}}}}
		_, err := s.TestCredential(s.Context(), worker, c.ID, "")
		s.wantCode(err, strongroom.CodeForbidden)
		_, err = s.Checks(s.Context(), worker, c.ID, strongroom.Page{Limit: 9})
		s.wantCode(err, strongroom.CodeForbidden)
		worker.Grants[0].Providers = []string{"quick"}
		_, err = s.TestCredential(s.Context(), worker, c.ID, "")
		s.must(err)
		list, err := s.Checks(s.Context(), worker, c.ID, strongroom.Page{Limit: 9})
		s.must(err)
		if len(list) != 1 {
			t.Errorf("%d results", len(list))
		}
	})
}

func TestTheHistoryHasTheNewestResults(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		for range 60 {
			s.ask(c.ID)
			<-time.After(time.Second)
		}
		s.far.says(fails(strongroom.CheckTLS))
		s.ask(c.ID)
		all, err := s.Checks(s.Context(), s.person(), c.ID, strongroom.Page{Limit: 100})
		s.must(err)
		if len(all) != 50 || all[0].Code != strongroom.CheckTLS || !all[1].Success || !all[1].At.After(all[49].At) {
			t.Errorf("%d results, the newest %+v", len(all), all[0])
		}
		some, err := s.Checks(s.Context(), s.person(), c.ID, strongroom.Page{Limit: 2, Offset: 1})
		s.must(err)
		if len(some) != 2 || !some[0].At.Equal(all[1].At) {
			t.Errorf("the second page is %+v", some)
		}
		before := len(s.events(strongroom.ActionCredentialTest))
		_, err = s.Checks(s.Context(), s.person(), uuid.New(), strongroom.Page{Limit: 2})
		s.wantCode(err, strongroom.CodeNotFound)
		if len(s.events(strongroom.ActionCredentialTest)) != before {
			t.Error("a look at results is on record as a test")
		}
	})
}

// TestAResultOfDataThatWasReplacedIsNotKept: what it says is not about what is there now.
func TestAResultOfDataThatWasReplacedIsNotKept(t *testing.T) {
	for name, meanwhile := range map[string]func(s *scene, c strongroom.Credential){
		"replaced": func(s *scene, c strongroom.Credential) { s.replace(c.ID) },
		"deleted": func(s *scene, c strongroom.Credential) {
			_, err := s.custody.Delete(s.Context(), s.person(), c.ID, false)
			s.must(err)
			s.must(s.store.Write(s.Context(), func(store.Tx) error { return nil }))
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				c := s.create("quick")
				s.far.does(func(context.Context, health.Subject) strongroom.CheckResult {
					meanwhile(s, c)
					return fails(strongroom.CheckAuth)
				})
				if check := s.ask(c.ID); check.Code != strongroom.CheckAuth || check.Version != 1 {
					t.Errorf("the result is %+v", check)
				}
				s.wantEvents(strongroom.ActionCredentialTest, "user failed auth")
				if name == "deleted" {
					_, err := s.custody.Restore(s.Context(), strongroom.Operator(s.organization, ""), c.ID)
					s.must(err)
				}
				s.wantHealth(c.ID, strongroom.HealthUnknown, 0, 0)
				s.wantNext(c.ID, time.Minute)
				if got := s.stored(c.ID); got.LastCheck != nil {
					t.Errorf("kept is %s", got.LastCheck)
				}
				if strings.Contains(s.log.String(), "does not work") {
					t.Errorf("the log says %s", s.log)
				}
			})
		})
	}
}

func TestAHostKeyIsKeptAndGivenToTheNextTest(t *testing.T) {
	run(t, func(s *scene) {
		c := s.put("sftp", "user_password", secret.New([]byte(`{"host":"files.example.com","username":"u","password":"`+canary+`"}`)))
		const line = "files.example.com " + hostKey
		first := works
		first.Details = map[string]any{"known_host": line}
		s.far.says(first)
		s.ask(c.ID)
		s.far.says(works)
		s.ask(c.ID)
		_, err := s.custody.Update(s.Context(), s.person(), c.ID, strongroom.CredentialUpdate{Type: "user_password", Data: secret.New([]byte(`{"host":"files.example.com","username":"u","password":"` + canary + `"}`))})
		s.must(err)
		s.ask(c.ID)
		for i, want := range []string{"", line, line} {
			if got := s.far.tests()[i].KnownHost; got != want {
				t.Errorf("test %d was given %q, want %q", i+1, got, want)
			}
		}
	})
}

// TestATestOnDemandCountsAndIsNeverRefused: who hammers a server does not begin anew with
// each test, and who has mended it does.
func TestATestOnDemandCountsAndIsNeverRefused(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.far.says(fails(strongroom.CheckAuth))
		for n := range 4 {
			s.ask(c.ID)
			s.wantHealth(c.ID, strongroom.HealthFailing, n+1, n+1)
		}
		s.ask(c.ID)
		s.wantHealth(c.ID, strongroom.HealthStopped, 5, 5)
		s.wantNext(c.ID, 0)
		s.far.says(fails(strongroom.CheckTimeout))
		s.ask(c.ID)
		s.wantHealth(c.ID, strongroom.HealthStopped, 6, 5)
		s.wantNext(c.ID, 0)
		s.far.says(works)
		s.ask(c.ID)
		s.wantHealth(c.ID, strongroom.HealthOK, 0, 0)
		s.wantNext(c.ID, every)
	})
}

// TestTestsAtOnceAreAllCounted: each follows from what the one before it has left, and not
// from what it saw when it began.
func TestTestsAtOnceAreAllCounted(t *testing.T) {
	run(t, func(s *scene) {
		c, other := s.create("quick"), s.another(health.Options{})
		var begun, ended sync.WaitGroup
		begun.Add(4)
		s.far.does(func(context.Context, health.Subject) strongroom.CheckResult {
			begun.Done()
			begun.Wait()
			return fails(strongroom.CheckAuth)
		})
		for i := range 4 {
			by := []*health.Service{s.Service, other}[i%2]
			ended.Go(func() {
				if _, err := by.TestCredential(s.Context(), s.person(), c.ID, ""); err != nil {
					t.Error(err)
				}
			})
		}
		ended.Wait()
		s.wantHealth(c.ID, strongroom.HealthFailing, 4, 4)
		s.wantNext(c.ID, 24*time.Hour)
	})
}

func TestTheLogTellsOfWhatStopsWorkingOnce(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		lines := func() int { return strings.Count(s.log.String(), "does not work any more") }
		s.ask(c.ID)
		s.far.says(fails(strongroom.CheckAuth))
		for n, want := range []int{1, 1, 1, 1, 2, 2} {
			s.ask(c.ID)
			if lines() != want {
				t.Fatalf("after failure %d the log says %s", n+1, s.log)
			}
		}
		s.far.says(works)
		s.ask(c.ID)
		if lines() != 2 || !strings.Contains(s.log.String(), c.ID.String()) || !strings.Contains(s.log.String(), "code=auth") || strings.Contains(s.log.String(), "It does not work:") {
			t.Errorf("the log says %s", s.log)
		}
	})
}

// connected stores OAuth data whose token has ended, and which nobody renews.
func (s *scene) connected() strongroom.Credential {
	s.Helper()
	return s.put("quick", "oauth2", secret.New([]byte(`{"access_token":"`+canary+`","refresh_token":"`+canary+`","expires_at":"1999-12-31T00:00:00Z"}`)))
}

// dead is connected with a grant that the provider has ended.
func (s *scene) dead() strongroom.Credential {
	s.Helper()
	c := s.connected()
	state, err := s.store.RenewalState(s.Context(), s.organization, c.ID)
	s.must(err)
	state.Renewal.NextAt, state.Renewal.Reason = nil, strongroom.ReasonInvalidGrant
	s.must(s.store.Write(s.Context(), func(tx store.Tx) error {
		return tx.EndRenewal(s.organization, store.RenewalEnd{ID: c.ID, Version: state.Version, Fence: state.Fence, Status: strongroom.StatusNeedsReauth, Renewal: state.Renewal})
	}))
	return c
}

func TestWhatCannotBeOpenedIsAnErrorToWhoAsks(t *testing.T) {
	run(t, func(s *scene) {
		dead, failing := s.dead(), s.connected()
		_, err := s.TestCredential(s.Context(), s.person(), dead.ID, "")
		s.wantCode(err, strongroom.CodeReauthorization)
		_, err = s.TestCredential(s.Context(), s.person(), failing.ID, "")
		s.wantCode(err, strongroom.CodeRefreshFailed)
		s.wantEvents(strongroom.ActionCredentialTest, "user failed reauthorization_required", "user failed refresh_failed")
		s.wantHealth(dead.ID, strongroom.HealthUnknown, 0, 0)
		s.wantHealth(failing.ID, strongroom.HealthUnknown, 0, 0)
		if len(s.far.tests()) != 0 {
			t.Error("something was tested")
		}
	})
}
