package rotate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/custody"
	"strongroom/internal/rotate"
	"strongroom/secret"
)

// stalled begins a rotation in a process that stops at the step, and returns what lets it go
// on, and its end.
func (s *scene) stalled(by *rotate.Service, id uuid.UUID, at string) (resume func(), ended <-chan struct{}) {
	s.Helper()
	var once sync.Once
	release, there, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	s.reached = func(step string) {
		if step != at {
			return
		}
		first := false
		once.Do(func() { first = true })
		if first {
			close(there)
			<-release
		}
	}
	go func() {
		defer close(done)
		// What came of it is looked up.
		_, _ = by.Rotate(s.Context(), s.user, id)
	}()
	<-there
	return sync.OnceFunc(func() { close(release) }), done
}

func TestAReaderOfACredentialInDoubt(t *testing.T) {
	t.Run("waits for whoever changes it", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.server.hook(func(word string) strongroom.CheckCode {
				if word == "sign in" {
					<-time.After(time.Second)
				}
				return works
			}, nil)
			resume, ended := s.stalled(s.Service, id, "after changing")
			read := make(chan secret.Value, 1)
			go func() { read <- s.open(id) }()
			synctest.Wait()
			resume()
			if data := <-read; !s.server.opens(data) {
				t.Error("what a reader gets does not open the far end")
			}
			<-ended
			s.want("words", s.server.said(), "set password, sign in")
			s.wantOpens(id, 2)
		})
	})
	t.Run("finds out by itself where whoever changed it is gone", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			other, _ := s.another()
			resume, ended := s.stalled(other, id, "after set password")
			began := time.Now()
			if !s.server.opens(s.open(id)) {
				t.Error("what a reader gets does not open the far end")
			}
			if waited := time.Since(began); waited > 3*time.Second {
				t.Errorf("it waited for %v", waited)
			}
			s.wantOpens(id, 2)
			s.want("events", s.notes(id), "began, changing, promoted")
			s.server.said()
			resume()
			<-ended
			// It was about to sign in, and finds that the lease is not its own any more.
			s.want("words of the other", s.server.said(), "sign in")
			s.wantOpens(id, 2)
			s.want("events after the other goes on", s.notes(id), "began, changing, promoted")
		})
	})
	t.Run("gets what is stored where the far end was not told, and leaves the work to its holder", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			other, _ := s.another()
			resume, ended := s.stalled(other, id, "before set password")
			if !s.server.opens(s.open(id)) {
				t.Error("what a reader gets does not open the far end")
			}
			if r := s.active(id); r.Fence != 1 || r.State != strongroom.RotationChanging {
				t.Errorf("a reader has made it %s with fence %d", r.State, r.Fence)
			}
			resume()
			<-ended
			s.wantOpens(id, 2)
		})
	})
}

func TestAReaderOfACredentialInDoubtThatIsLeftAlone(t *testing.T) {
	t.Run("prefers what somebody has stored meanwhile, where that opens", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			other, _ := s.another()
			resume, ended := s.stalled(other, id, "after set password")
			s.server.set("app", "by hand")
			s.replace(id, passwordData("by hand"))
			if data := s.open(id); !strings.Contains(string(data.Reveal()), "by hand") {
				t.Error("what a reader gets is not what was stored")
			}
			resume()
			<-ended
			r := s.active(id)
			s.background(time.Minute)
			s.wantState(s.rotation(r.ID).Rotation, strongroom.RotationAbandoned, "")
			s.wantOpens(id, 2)
		})
	})
	t.Run("goes away when its time is over, while the far end does not answer", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			s.cutOff(id, true)
			s.server.hook(func(string) strongroom.CheckCode {
				<-time.After(14 * time.Second)
				return strongroom.CheckTimeout
			}, nil)
			began := time.Now()
			s.open(id)
			if waited := time.Since(began); waited != 10*time.Second {
				t.Errorf("it waited for %v", waited)
			}
		})
	})
	t.Run("asks the far end once a second at most, however many there are", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.password()
			r := s.cutOff(id, false)
			s.server.set("app", "by hand")
			var all sync.WaitGroup
			for range 20 {
				all.Go(func() {
					for range 5 {
						s.open(id)
					}
				})
			}
			began := time.Now()
			all.Wait()
			most := int(time.Since(began)/time.Second) + 2
			if n := strings.Count(s.server.said(), "sign in"); n > most {
				t.Errorf("the far end was asked %d times in %v", n, time.Since(began))
			}
			if again := s.rotation(r.ID); again.Attempts != r.Attempts || again.State != r.State {
				t.Errorf("readers have made it %s with %d tries", again.State, again.Attempts)
			}
		})
	})
	t.Run("is told nothing where there is no rotation, or none in doubt", func(t *testing.T) {
		run(t, func(s *scene) {
			id := s.key()
			s.must(s.Settle(s.Context(), s.organization, id))
			s.cutOff(id, true)
			s.must(s.Settle(s.Context(), s.organization, id))
			s.want("words", s.server.said(), "")
		})
	})
}

// TestAReaderDoesNotShareTheAnswerToAnEarlierQuestion: the far end may have been told since
// that one was asked.
func TestAReaderDoesNotShareTheAnswerToAnEarlierQuestion(t *testing.T) {
	run(t, func(s *scene) {
		id := s.password()
		other, _ := s.another()
		resume, ended := s.stalled(other, id, "before set password")
		inner := s.reached
		looked, told, changed := make(chan struct{}), make(chan struct{}), make(chan struct{})
		answer, tellers := sync.OnceFunc(func() { close(looked); <-told }), sync.OnceFunc(func() { close(changed); <-told })
		s.reached = func(step string) {
			inner(step)
			switch step {
			case "after look":
				answer()
			case "after set password":
				tellers()
			}
		}
		early := make(chan struct{})
		go func() { s.open(id); close(early) }()
		<-looked
		resume()
		<-changed
		late := make(chan secret.Value, 1)
		go func() { late <- s.open(id) }()
		<-time.After(3 * time.Second)
		close(told)
		if data := <-late; !s.server.opens(data) {
			t.Error("what a reader gets does not open the far end")
		}
		<-early
		<-ended
		s.wantOpens(id, 2)
	})
}

// TestTakingOverALeaseIsSafe: the holder goes on at every step that it may have been at, and
// one rotation comes of it.
func TestTakingOverALeaseIsSafe(t *testing.T) {
	for _, at := range []string{"after set password", "before sign in", "after sign in", "before promoted"} {
		t.Run("from a holder that stands "+at, func(t *testing.T) {
			run(t, func(s *scene) {
				id := s.password()
				other, _ := s.another()
				resume, ended := s.stalled(other, id, at)
				r := s.active(id)
				s.open(id)
				s.wantOpens(id, 2)
				resume()
				<-ended
				s.wantState(s.rotation(r.ID).Rotation, strongroom.RotationDone, "")
				s.wantOpens(id, 2)
				s.want("events", s.notes(id), "began, changing, promoted")
				s.wantState(s.rotate(id), strongroom.RotationDone, "")
				s.wantOpens(id, 3)
			})
		})
	}
}

// TestAHolderThatIsGoneIsReplacedWhenItsLeaseEnds: at whichever step it stopped.
func TestAHolderThatIsGoneIsReplacedWhenItsLeaseEnds(t *testing.T) {
	steps := map[string][]string{
		"password": {"after begin", "before changing", "after changing", "before set password", "after set password", "before sign in", "after sign in", "before promoted", "after promoted"},
		"roles":    {"after begin", "before changing", "after changing", "before set password", "after set password", "before sign in", "after sign in", "before promoted", "after promoted"},
		"key":      {"after begin", "before changing", "after changing", "before add key", "after add key", "before sign in", "after sign in", "before promoted", "after promoted"},
	}
	for method, all := range steps {
		for _, at := range all {
			t.Run(method+" "+at, func(t *testing.T) {
				run(t, func(s *scene) {
					id := map[string]func() uuid.UUID{"password": s.password, "roles": s.roles, "key": s.key}[method]()
					gone, _ := s.another()
					resume, ended := s.stalled(gone, id, at)
					s.finish(id)
					s.wantOpens(id, 2)
					resume()
					<-ended
					s.wantOpens(id, 2)
					if all, err := s.Rotations(s.Context(), s.user, strongroom.RotationQuery{Page: strongroom.Page{Limit: 9}, CredentialID: id}); err != nil || len(all) != 1 || all[0].State != strongroom.RotationDone {
						t.Errorf("the rotations are %+v, %v", all, err)
					}
					if method == "key" {
						s.wantKeys(s.publicOf(id))
					}
				})
			})
		}
	}
}

// TestReadersGetWhatOpens: while rotations are made and cut off by lot, by two processes, no
// reader is given a secret that did not open the far end at some moment of its read; and
// where the old secret goes on to open, one that does not open it now.
func TestReadersGetWhatOpens(t *testing.T) {
	for _, method := range []string{"password", "roles", "key"} {
		t.Run(method, func(t *testing.T) {
			for round := range 8 {
				seed := rand.Uint64()
				t.Run(fmt.Sprintf("round %d, seed %d", round, seed), func(t *testing.T) {
					run(t, func(s *scene) { s.race(method, seed) })
				})
			}
		})
	}
}

func (s *scene) race(method string, seed uint64) {
	var mu sync.Mutex
	lot := rand.New(rand.NewPCG(seed, 0))
	draw := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return lot.IntN(n)
	}
	id := map[string]func() uuid.UUID{"password": s.password, "roles": s.roles, "key": s.key}[method]()
	_, err := s.SetRotationPolicy(s.Context(), s.user, id, strongroom.RotationPolicy{Grace: time.Hour})
	s.must(err)
	// Each word takes a while, and some are cut off; but the far end can be asked which secret
	// opens it.
	fate := func(word string) strongroom.CheckCode {
		<-time.After(time.Duration(draw(300)) * time.Millisecond)
		if word == "sign in" {
			return works
		}
		return []strongroom.CheckCode{cut, strongroom.CheckTimeout, works, works, works, works}[draw(6)]
	}
	s.server.hook(fate, fate)
	other, otherDoor := s.another()
	over := make(chan struct{})
	var readers sync.WaitGroup
	for i := range 6 {
		door := []*custody.Service{s.custody, otherDoor}[i%2]
		readers.Go(func() {
			for {
				select {
				case <-over:
					return
				case <-time.After(time.Duration(draw(200)) * time.Millisecond):
				}
				before := s.server.history(method)
				o, err := door.Open(s.Context(), s.worker(), id, nil)
				if err != nil {
					s.Error(err)
					return
				}
				if !s.server.opens(o.Data) && !s.server.openedSince(o.Data, before) {
					s.Error("a reader was given a secret that did not open the far end while it was read")
					return
				}
			}
		})
	}
	for range 2 {
		_, _ = s.Rotate(s.Context(), s.user, id)
		<-time.After(time.Duration(draw(1000)) * time.Millisecond)
		_, _ = other.Rotate(s.Context(), s.user, id)
	}
	s.server.hook(nil, nil)
	s.background(time.Second)
	close(over)
	readers.Wait()
	s.finish(id)
	s.wantOpens(id, s.credential(id).Version)
	if s.credential(id).Version < 2 {
		s.Error("nothing was rotated")
	}
}
