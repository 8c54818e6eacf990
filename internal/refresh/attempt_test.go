package refresh_test

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/oauth/gate"
	"strongroom/internal/refresh"
	"strongroom/internal/store"
)

// once returns a function that does it the first time alone.
func once(do func()) func() {
	done := false
	return func() {
		if !done {
			done = true
			do()
		}
	}
}

func TestWhatMovedBeforeTheLeaseIsReadAnew(t *testing.T) {
	t.Run("renewed by another: there is nothing left to do", func(t *testing.T) {
		run(t, func(s *scene) {
			id, other := s.create("quick"), s.another(gate.Options{})
			s.reader.hook = once(func() { s.must(other.Renew(s.Context(), s.organization, id, false)) })
			s.must(s.Renew(s.Context(), s.organization, id, false))
			s.wantRequests("refresh")
			s.wantRenewed(id, 2, "refresh-1")
		})
	})
	t.Run("replaced by its user: the new token is what is sent", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.create("quick")
			s.reader.hook = once(func() { s.replace(id, "other", 0) })
			s.must(s.Renew(s.Context(), s.organization, id, false))
			s.wantRequests("other")
			s.wantRenewed(id, 3, "refresh-1")
		})
	})
	t.Run("deleted: the provider is not asked", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.create("quick")
			s.reader.hook = once(func() {
				s.must(s.store.Write(s.Context(), func(tx store.Tx) error { return tx.DeleteCredential(s.organization, id, time.Now(), uuid.New()) }))
			})
			if err := s.Renew(s.Context(), s.organization, id, false); !errors.Is(err, store.ErrNotFound) {
				t.Errorf("renewing what is gone said %v", err)
			}
			s.wantRequests()
		})
	})
}

func isEnd(events []strongroom.Event) bool { return len(events) > 0 }

// failTimes returns a hook that fails so many commits of the kind.
func failTimes(times int, kind func([]strongroom.Event) bool) func([]strongroom.Event) error {
	return func(events []strongroom.Event) error {
		if !kind(events) || times == 0 {
			return nil
		}
		times--
		return store.ErrUnavailable
	}
}

func TestAnEndWhoseCommitFailedAndWasKeptIsWrittenOnce(t *testing.T) {
	run(t, func(s *scene) {
		id := s.create("quick")
		s.audit.after = failTimes(1, isEnd)
		s.must(s.Renew(s.Context(), s.organization, id, false))
		s.wantRequests("refresh")
		s.wantRenewed(id, 2, "refresh-1")
		if len(s.audit.events) != 1 {
			t.Errorf("%d events are on record, want 1", len(s.audit.events))
		}
		if strings.Contains(s.log.String(), "was not stored") {
			t.Errorf("a token that is stored is said to be lost: %s", s.log)
		}
	})
}

func TestAnEndThatCannotBeWrittenIsHeldForMinutes(t *testing.T) {
	run(t, func(s *scene) {
		id, began := s.create("quick"), time.Now()
		s.audit.before = func(events []strongroom.Event) error {
			if isEnd(events) && time.Since(began) < 9*time.Minute {
				return store.ErrUnavailable
			}
			return nil
		}
		s.must(s.Renew(s.Context(), s.organization, id, false))
		s.wantRequests("refresh")
		s.wantRenewed(id, 2, "refresh-1")
	})
}

// TestABeginningWhoseCommitIsInDoubtIsWaitedFor: whether somebody has begun is not known, so
// that nobody else begins before that one's time is over.
func TestABeginningWhoseCommitIsInDoubtIsWaitedFor(t *testing.T) {
	run(t, func(s *scene) {
		id, began := s.create("quick"), time.Now()
		s.audit.after = failTimes(1, func(events []strongroom.Event) bool { return !isEnd(events) })
		if err := s.Renew(s.Context(), s.organization, id, false); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("the attempt ended with %v", err)
		}
		s.wantRequests()
		s.must(s.Renew(s.Context(), s.organization, id, false))
		s.wantRequests("refresh")
		if waited := time.Since(began); waited < refresh.DefaultTimeout+refresh.DefaultLeaseMargin {
			t.Errorf("the provider was asked after %s, within the lease", waited)
		}
		s.wantRenewed(id, 2, "refresh-1")
	})
}

func TestAClosedGateIsTheCredentialsState(t *testing.T) {
	for name, c := range map[string]struct {
		result gate.Result
		pause  time.Duration
		reason strongroom.StatusReason
		next   time.Duration
	}{
		"a pause that the provider asked for": {gate.Answered, 10 * time.Minute, strongroom.ReasonRateLimited, 10 * time.Minute},
		"a pause shorter than the back-off":   {gate.Answered, time.Second, strongroom.ReasonRateLimited, 2500 * time.Millisecond},
		"an open breaker":                     {gate.Failed, 0, strongroom.ReasonProviderError, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, func(s *scene) {
				service, id := s.another(gate.Options{FailuresToOpen: 1}), s.create("quick")
				pass, err := service.Gate.Enter(s.Context(), "https://quick.example/token", gate.Limits{})
				s.must(err)
				pass.Leave(c.result, time.Now().Add(c.pause))
				began := strongroom.Timestamp(time.Now())
				s.must(service.Renew(s.Context(), s.organization, id, false))
				s.wantRequests()
				got := s.state(id)
				if got.Status != strongroom.StatusRefreshFailing || got.Renewal.Reason != c.reason || got.Renewal.Failures != 1 || got.LeasedUntil != nil {
					t.Errorf("it is %s because of %s after %d failures", got.Status, got.Renewal.Reason, got.Renewal.Failures)
				}
				if got.Renewal.NextAt == nil || !got.Renewal.NextAt.Equal(began.Add(c.next)) {
					t.Errorf("it is tried again at %v, want %v", got.Renewal.NextAt, began.Add(c.next))
				}
			})
		})
	}
}

func TestClosingWaitsForATokenThatIsHeld(t *testing.T) {
	run(t, func(s *scene) {
		id, failing := s.create("quick"), make(chan struct{})
		fail := failTimes(3, isEnd)
		told := once(func() { close(failing) })
		s.audit.before = func(events []strongroom.Event) error {
			err := fail(events)
			if err != nil {
				told()
			}
			return err
		}
		ended := s.renewing(s.Service, id, false)
		<-failing
		s.must(s.Close(s.Context()))
		s.wantRenewed(id, 2, "refresh-1")
		s.must(<-ended)
		if err := s.Renew(s.Context(), s.organization, id, true); err == nil {
			t.Error("a closed service renews")
		}
		s.wantRequests("refresh")
	})
}

func TestWhoInsists(t *testing.T) {
	t.Run("is content with the attempt that is under way", func(t *testing.T) {
		run(t, func(s *scene) {
			id, release := s.create("quick"), make(chan struct{})
			s.provider.hook = func(string) { <-release }
			reader := s.renewing(s.Service, id, false)
			synctest.Wait()
			insists := s.renewing(s.Service, id, true)
			synctest.Wait()
			close(release)
			s.must(<-reader)
			s.must(<-insists)
			s.wantRequests("refresh")
		})
	})
	t.Run("gets one of its own where the flight that it joined found nothing due", func(t *testing.T) {
		run(t, func(s *scene) {
			id, release := s.create("quick"), make(chan struct{})
			s.replace(id, "other", time.Hour)
			s.reader.hook = once(func() { <-release })
			reader := s.renewing(s.Service, id, false)
			synctest.Wait()
			insists := s.renewing(s.Service, id, true)
			synctest.Wait()
			s.wantRequests()
			close(release)
			s.must(<-reader)
			s.must(<-insists)
			s.wantRequests("other")
			s.wantRenewed(id, 3, "refresh-1")
		})
	})
}
