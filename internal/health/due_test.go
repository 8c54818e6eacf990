package health_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/health"
	"strongroom/internal/policy"
	"strongroom/internal/store"
	"strongroom/secret"
)

// dueNow waits until what was just stored is due.
func dueNow() { <-time.After(time.Minute) }

// moment is time enough for the background to find what is due and do it.
const moment = 20 * time.Second

// work runs the background for a moment.
func (s *scene) work() {
	stop := s.background(4, s.Service)
	after(moment)
	stop()
}

func (s *scene) last(id uuid.UUID) (check strongroom.Check) {
	s.Helper()
	s.must(json.Unmarshal(s.stored(id).LastCheck, &check))
	return check
}

func TestWhatIsDueIsTestedAndNothingElse(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.work()
		if len(s.far.tests()) != 0 {
			t.Fatal("it was tested before it was due")
		}
		dueNow()
		s.work()
		if tested := s.far.tests(); len(tested) != 1 || !tested[0].LookOnly {
			t.Fatalf("%d tests: %+v", len(tested), tested)
		}
		s.wantEvents(strongroom.ActionCredentialTest, "strongroom allowed ok")
		s.wantHealth(c.ID, strongroom.HealthOK, 0, 0)
		if last := s.last(c.ID); last.Trigger != strongroom.CheckScheduled || last.Version != 1 {
			t.Errorf("kept is %+v", last)
		}
		stop := s.background(2, s.Service)
		defer stop()
		after(every)
		if n := len(s.far.tests()); n != 2 {
			t.Errorf("tested %d times after one interval more", n)
		}
		after(every)
		if n := len(s.far.tests()); n != 3 {
			t.Errorf("tested %d times after two intervals more", n)
		}
	})
}

func TestAnIntervalForAllReplacesTheDefinitions(t *testing.T) {
	run(t, func(s *scene) {
		s.Service = s.another(health.Options{Every: 20 * time.Minute})
		c := s.create("quick")
		s.ask(c.ID)
		s.wantNext(c.ID, 20*time.Minute)
	})
}

// TestALockoutIsNotCaused: a server that refuses is asked five times, however long it goes
// on, until something has changed.
func TestALockoutIsNotCaused(t *testing.T) {
	for name, mend := range map[string]func(s *scene, id uuid.UUID){
		"new data":                        func(s *scene, id uuid.UUID) { s.replace(id); dueNow() },
		"a test on demand that goes well": func(s *scene, id uuid.UUID) { s.ask(id); <-time.After(every) },
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				s.far.says(fails(strongroom.CheckAuth))
				c := s.create("quick")
				// Three weeks: the first three days by the hour, for that is when tests are due.
				for day := range 21 {
					pause := 24 * time.Hour
					if day < 3 {
						pause = time.Hour
					}
					for range 24 * time.Hour / pause {
						s.work()
						after(pause - moment)
					}
				}
				if n := len(s.far.tests()); n != 5 {
					t.Fatalf("the server was asked %d times", n)
				}
				s.wantHealth(c.ID, strongroom.HealthStopped, 5, 5)
				s.far.says(works)
				mend(s, c.ID)
				s.work()
				s.wantHealth(c.ID, strongroom.HealthOK, 0, 0)
				if last := s.last(c.ID); last.Trigger != strongroom.CheckScheduled {
					t.Error("it is not tested by itself again")
				}
			})
		})
	}
}

func TestWhatHasNoTestIsNotDueAgain(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.far.says(fails(strongroom.CheckTLS))
		s.ask(c.ID)
		// As after an operator has taken the test out of the definition.
		s.Service = s.another(health.Options{Testers: map[catalog.Test]health.Tester{catalog.TestSFTP: s.far.test}})
		events := len(s.events(""))
		<-time.After(time.Hour)
		s.work()
		s.wantNext(c.ID, 0)
		s.wantHealth(c.ID, strongroom.HealthUnknown, 0, 0)
		if len(s.events("")) != events || len(s.far.tests()) != 1 {
			t.Error("something was tested, or put on record")
		}
	})
}

func TestWhatCannotBeOpenedIsAResultOfTheSchedule(t *testing.T) {
	run(t, func(s *scene) {
		dead, failing, damaged, away := s.dead(), s.connected(), s.create("quick"), s.create("slow")
		broken := errors.New("it is broken")
		s.Service = s.another(health.Options{Custody: &lender{Custody: s.custody, faults: map[uuid.UUID]error{
			damaged.ID: strongroom.Errorf(strongroom.CodeInternal, "This record does not open").Because(broken),
			away.ID:    strongroom.Unavailable(strongroom.CodeKeyUnavailable, "The key service cannot be reached", time.Second).Because(broken),
		}}})
		dueNow()
		stop := s.background(4, s.Service)
		after(moment)
		stop()
		s.wantHealth(dead.ID, strongroom.HealthFailing, 1, 1)
		if last := s.last(dead.ID); last.Code != strongroom.CheckAuth || !strings.Contains(last.Message, "connect the account again") {
			t.Errorf("kept is %+v", last)
		}
		s.wantHealth(failing.ID, strongroom.HealthFailing, 1, 0)
		if last := s.last(failing.ID); last.Code != strongroom.CheckTimeout {
			t.Errorf("kept is %+v", last)
		}
		s.wantHealth(damaged.ID, strongroom.HealthFailing, 1, 0)
		if last := s.last(damaged.ID); last.Code != strongroom.CheckProtocol {
			t.Errorf("kept is %+v", last)
		}
		s.wantHealth(away.ID, strongroom.HealthUnknown, 0, 0)
		if next := s.stored(away.ID).Health.NextAt; next == nil || time.Until(*next) < 9*time.Minute || s.stored(away.ID).LastCheck != nil {
			t.Errorf("what the key service keeps shut is tested at %v", next)
		}
		if n := len(s.events(strongroom.ActionCredentialTest)); n != 2 || len(s.far.tests()) != 0 {
			t.Errorf("%d events and %d tests", n, len(s.far.tests()))
		}
	})
}

// lender has custody refuse to lend.
type lender struct {
	health.Custody
	faults map[uuid.UUID]error
	// lent is called when a credential is lent.
	lent func(ctx context.Context)
}

func (l *lender) Lend(ctx context.Context, caller strongroom.Caller, action policy.Action, e strongroom.Event, id uuid.UUID) (strongroom.Credential, secret.Value, error) {
	if l.lent != nil {
		l.lent(ctx)
	}
	if err := l.faults[id]; err != nil {
		return strongroom.Credential{}, secret.Value{}, err
	}
	return l.Custody.Lend(ctx, caller, action, e, id)
}

func TestReplicasShareWhatIsDue(t *testing.T) {
	run(t, func(s *scene) {
		for range 40 {
			s.create("quick")
		}
		var mu sync.Mutex
		at := map[string]int{}
		s.far.does(func(context.Context, health.Subject) strongroom.CheckResult {
			<-time.After(time.Second)
			return works
		})
		other := s.another(health.Options{Observe: func(string, strongroom.CheckTrigger, strongroom.CheckResult, time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			at["other"]++
		}})
		dueNow()
		stop := s.background(8, s.Service, other)
		after(5 * time.Minute)
		stop()
		if n := len(s.far.tests()); n != 40 || at["other"] == 0 || at["other"] == 40 {
			t.Errorf("%d tests of 40 credentials, %d of them by the other process", n, at["other"])
		}
		if n := len(s.events(strongroom.ActionCredentialTest)); n != 40 {
			t.Errorf("%d tests are on record", n)
		}
	})
}

// TestAClaimThatWasKilledComesDueAgain: what it had claimed is somebody else's when its
// time is over, and not before.
func TestAClaimThatWasKilledComesDueAgain(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		dueNow()
		s.must(s.store.Write(s.Context(), func(tx store.Tx) error {
			now := strongroom.Timestamp(time.Now())
			due, err := tx.ClaimChecks(now, now.Add(2*time.Minute), 9, nil)
			if len(due) != 1 || due[0].ID != c.ID {
				t.Errorf("claimed was %v", due)
			}
			return err
		}))
		stop := s.background(2, s.Service)
		defer stop()
		after(2*time.Minute - time.Second)
		if len(s.far.tests()) != 0 {
			t.Error("it was tested although somebody else had claimed it")
		}
		after(time.Minute)
		if n := len(s.far.tests()); n != 1 {
			t.Errorf("it was tested %d times", n)
		}
	})
}

// TestATestThatTheEndOfTheServiceCutOffSaysNothing: it is made again.
func TestATestThatTheEndOfTheServiceCutOffSaysNothing(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.far.does(func(ctx context.Context, _ health.Subject) strongroom.CheckResult {
			<-ctx.Done()
			return fails(strongroom.CheckTimeout)
		})
		dueNow()
		stop := s.background(2, s.Service)
		after(moment / 2)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 0 {
			t.Errorf("the end took %s", took)
		}
		s.wantEvents(strongroom.ActionCredentialTest, "strongroom failed timeout")
		s.wantHealth(c.ID, strongroom.HealthUnknown, 0, 0)
		s.far.says(works)
		<-time.After(2 * time.Minute)
		s.work()
		s.wantHealth(c.ID, strongroom.HealthOK, 0, 0)
	})
}

// TestARenewalThatTheEndOfTheServiceCutOffSaysNothing: the provider has not been asked.
func TestARenewalThatTheEndOfTheServiceCutOffSaysNothing(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		cut := strongroom.Unavailable(strongroom.CodeRefreshFailed, "The token was not ready in time", time.Second)
		s.Service = s.another(health.Options{Custody: &lender{
			Custody: s.custody, faults: map[uuid.UUID]error{c.ID: cut}, lent: func(ctx context.Context) { <-ctx.Done() },
		}})
		dueNow()
		stop := s.background(2, s.Service)
		after(moment / 2)
		stop()
		s.wantHealth(c.ID, strongroom.HealthUnknown, 0, 0)
		if s.log.Len() > 0 {
			t.Errorf("the log says %s", s.log)
		}
	})
}

// TestARefusalAtTheEndOfTheServiceCounts: the server has been asked.
func TestARefusalAtTheEndOfTheServiceCounts(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.far.does(func(ctx context.Context, _ health.Subject) strongroom.CheckResult {
			<-ctx.Done()
			return fails(strongroom.CheckAuth)
		})
		dueNow()
		stop := s.background(2, s.Service)
		after(moment / 2)
		stop()
		s.wantHealth(c.ID, strongroom.HealthFailing, 1, 1)
	})
}

func TestWhatChangedSinceItWasClaimedIsLeft(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		l := &lender{Custody: s.custody}
		l.lent = func(context.Context) {
			l.lent = nil
			_, err := s.custody.Delete(s.Context(), s.person(), c.ID, false)
			s.must(err)
		}
		s.Service = s.another(health.Options{Custody: l})
		dueNow()
		s.work()
		if len(s.far.tests()) != 0 || strings.Contains(s.log.String(), "came to nothing") {
			t.Errorf("it was tested, or the log says %s", s.log)
		}
	})
}

// TestAResultThatCannotBeStoredIsTestedAgain: its claim ends, and not before.
func TestAResultThatCannotBeStoredIsTestedAgain(t *testing.T) {
	run(t, func(s *scene) {
		c := s.create("quick")
		s.far.does(func(context.Context, health.Subject) strongroom.CheckResult {
			s.audit.fails(func() error {
				s.audit.fault = nil
				return store.ErrUnavailable
			})
			s.far.says(works)
			return works
		})
		dueNow()
		stop := s.background(2, s.Service)
		defer stop()
		after(time.Minute)
		s.wantHealth(c.ID, strongroom.HealthUnknown, 0, 0)
		if n := len(s.far.tests()); n != 1 || !strings.Contains(s.log.String(), "came to nothing") {
			t.Errorf("%d tests; the log says %s", n, s.log)
		}
		after(2 * time.Minute)
		s.wantHealth(c.ID, strongroom.HealthOK, 0, 0)
	})
}

// TestServersThatDoNotAnswerLeaveWorkersForOthers: more of theirs is due, and has been for
// longer, than there are workers.
func TestServersThatDoNotAnswerLeaveWorkersForOthers(t *testing.T) {
	run(t, func(s *scene) {
		const workers = 4
		for range 20 * workers {
			s.create("slow")
		}
		<-time.After(time.Second)
		quick := s.create("quick")
		var slow, most int
		var mu sync.Mutex
		count := func(n int) {
			mu.Lock()
			defer mu.Unlock()
			slow += n
			most = max(most, slow)
		}
		s.far.does(func(ctx context.Context, sub health.Subject) strongroom.CheckResult {
			if sub.Provider == "quick" {
				return works
			}
			count(1)
			defer count(-1)
			<-ctx.Done()
			return fails(strongroom.CheckTimeout)
		})
		dueNow()
		stop := s.background(workers, s.Service)
		after(moment)
		s.wantHealth(quick.ID, strongroom.HealthOK, 0, 0)
		// What comes due while they wait is not kept from the workers either.
		later := s.create("quick")
		after(2 * time.Minute)
		s.wantHealth(later.ID, strongroom.HealthOK, 0, 0)
		stop()
		if most != workers/2 {
			t.Errorf("%d of %d workers wait for the slow servers", most, workers)
		}
	})
}

func TestNoMoreIsTestedAtOnceThanThereAreWorkers(t *testing.T) {
	run(t, func(s *scene) {
		for i := range 30 {
			s.create([]string{"quick", "slow"}[i%2])
		}
		s.far.does(func(context.Context, health.Subject) strongroom.CheckResult {
			<-time.After(time.Second)
			return works
		})
		dueNow()
		stop := s.background(4, s.Service)
		after(2 * time.Minute)
		stop()
		if n := len(s.far.tests()); n != 30 || s.far.most != 4 {
			t.Errorf("%d tests, %d at once", n, s.far.most)
		}
	})
}
