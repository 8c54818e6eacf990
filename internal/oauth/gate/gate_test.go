package gate_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/internal/oauth/gate"
)

func TestNoMoreThanTheLimitAreUnderWay(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		const limit, requests = 7, 500
		var now, most atomic.Int64
		var all sync.WaitGroup
		for range requests {
			all.Go(func() {
				p, err := g.Enter(context.Background(), endpoint, gate.Limits{Concurrent: limit})
				if err != nil {
					t.Error(err)
					return
				}
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				pass(time.Second)
				now.Add(-1)
				p.Leave(gate.Answered, never)
			})
		}
		all.Wait()
		if most.Load() != limit {
			t.Errorf("%d at once, want %d", most.Load(), limit)
		}
	})
}

func TestRequestsAreEvenlySpaced(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		const perSecond, requests = 10, 21
		times := make(chan time.Time, requests)
		begun := time.Now()
		for range requests {
			go func() {
				p, err := g.Enter(context.Background(), endpoint, gate.Limits{PerSecond: perSecond})
				if err != nil {
					t.Error(err)
				}
				times <- time.Now()
				p.Leave(gate.Answered, never)
			}()
		}
		for i := range requests {
			if at, want := (<-times).Sub(begun), time.Duration(i)*time.Second/perSecond; at.Round(time.Millisecond) != want {
				t.Errorf("request %d passed after %v, want %v", i+1, at, want)
			}
		}
	})
}

// TestThoseBehindASlowRequestDoNotGoAllAtOnce: the rate is kept from when they go, not
// from when they came.
func TestThoseBehindASlowRequestDoNotGoAllAtOnce(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		l := gate.Limits{PerSecond: 1, Concurrent: 3}
		slow := []*gate.Pass{enter(t, g, l), enter(t, g, l), enter(t, g, l)}
		var came []<-chan outcome
		for range 3 {
			came = append(came, waiting(t, g, context.Background(), l))
		}
		pass(time.Minute)
		begun := time.Now()
		for _, p := range slow {
			p.Leave(gate.Answered, never)
		}
		for i, c := range came {
			if at, want := (<-c).at.Sub(begun), time.Duration(i)*time.Second; at != want {
				t.Errorf("request %d passed after %v, want %v", i+1, at, want)
			}
		}
	})
}

func TestFirstComeFirstServed(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		l := gate.Limits{Concurrent: 1}
		first := enter(t, g, l)
		var came []<-chan outcome
		for range 20 {
			came = append(came, waiting(t, g, context.Background(), l))
		}
		first.Leave(gate.Answered, never)
		for i, c := range came {
			o := <-c
			synctest.Wait()
			for j, later := range came[i+1:] {
				select {
				case <-later:
					t.Fatalf("%d overtook %d", i+1+j, i)
				default:
				}
			}
			o.pass.Leave(gate.Answered, never)
		}
	})
}

func TestWithoutLimitsNobodyWaits(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		begun := time.Now()
		for range 1000 {
			enter(t, g, gate.Limits{})
		}
		if waited := time.Since(begun); waited != 0 {
			t.Errorf("they waited %v", waited)
		}
	})
}

func TestEndpointsHaveLimitsOfTheirOwn(t *testing.T) {
	run(t, gate.Options{FailuresToOpen: 1}, func(t *testing.T, g *gate.Gate) {
		fail(t, g, 1)
		wantClosed(t, g, gate.Open, 30*time.Second)
		if _, err := g.Enter(context.Background(), endpoint+"/other", gate.Limits{Concurrent: 1}); err != nil {
			t.Errorf("another endpoint: %v", err)
		}
	})
}

func TestALimitThatIsRaisedLetsWaitersThrough(t *testing.T) {
	for name, c := range map[string]struct{ before, after gate.Limits }{
		"more at once":        {gate.Limits{Concurrent: 1}, gate.Limits{Concurrent: 3}},
		"any number at once":  {gate.Limits{Concurrent: 1}, gate.Limits{}},
		"more a second":       {gate.Limits{PerSecond: 0.001}, gate.Limits{PerSecond: 1000}},
		"any number a second": {gate.Limits{PerSecond: 0.001}, gate.Limits{}},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				enter(t, g, c.before)
				came := waiting(t, g, context.Background(), c.before)
				begun := time.Now()
				enter(t, g, c.after)
				if o := <-came; o.err != nil || o.at.Sub(begun) > time.Second {
					t.Errorf("after %v: %v", o.at.Sub(begun), o.err)
				}
			})
		})
	}
}

func TestAWaiterThatIsCancelledReturnsAtOnce(t *testing.T) {
	for name, l := range map[string]gate.Limits{"waiting for a place": {Concurrent: 1}, "waiting for the rate": {PerSecond: 0.01}} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				enter(t, g, l)
				ctx, cancel := context.WithCancel(context.Background())
				came := waiting(t, g, ctx, l)
				begun := time.Now()
				cancel()
				if o := <-came; !errors.Is(o.err, context.Canceled) || o.at != begun {
					t.Errorf("after %v: %v", o.at.Sub(begun), o.err)
				}
			})
		})
	}
}

func TestAWaiterGivesUpAtItsDeadline(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		enter(t, g, gate.Limits{Concurrent: 1})
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		begun := time.Now()
		if o := <-waiting(t, g, ctx, gate.Limits{Concurrent: 1}); !errors.Is(o.err, context.DeadlineExceeded) || o.at.Sub(begun) != 3*time.Second {
			t.Errorf("after %v: %v", o.at.Sub(begun), o.err)
		}
	})
}

func TestAContextThatHasEndedTakesNoPlace(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, err := g.Enter(ctx, endpoint, gate.Limits{Concurrent: 1}); !errors.Is(err, context.Canceled) {
			t.Errorf("%v, want the context's error", err)
		}
		enter(t, g, gate.Limits{Concurrent: 1})
	})
}

// TestCancelledWaitersFreeTheirTurn: rate limiters that reserve ahead lose the turn of
// whoever gives up before a later one.
func TestCancelledWaitersFreeTheirTurn(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		l := gate.Limits{PerSecond: 1}
		enter(t, g, l)
		ctx, cancel := context.WithCancel(context.Background())
		var gone []<-chan outcome
		for range 100 {
			gone = append(gone, waiting(t, g, ctx, l))
		}
		last := waiting(t, g, context.Background(), l)
		begun := time.Now()
		cancel()
		for _, c := range gone {
			<-c
		}
		if o := <-last; o.err != nil || o.at.Sub(begun) != time.Second {
			t.Errorf("let through after %v: %v, want 1s", o.at.Sub(begun), o.err)
		}
	})
}

// TestNothingLeaksWhenPassesAndCancellationsCross lets both happen at once, in real time.
func TestNothingLeaksWhenPassesAndCancellationsCross(t *testing.T) {
	g := gate.New(time.Now, gate.Options{})
	l := gate.Limits{Concurrent: 2, PerSecond: 1e6}
	var passed, gaveUp atomic.Int64
	var all sync.WaitGroup
	for i := range 600 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			if i%3 > 0 {
				all.Go(cancel)
			}
			p, err := g.Enter(ctx, endpoint, l)
			if err != nil {
				gaveUp.Add(1)
				return
			}
			passed.Add(1)
			p.Leave(gate.Answered, never)
		})
	}
	all.Wait()
	if passed.Load() < 200 || passed.Load()+gaveUp.Load() != 600 {
		t.Errorf("%d passed and %d gave up", passed.Load(), gaveUp.Load())
	}
	if g.Saturated(endpoint, gate.Limits{Concurrent: 1}) {
		t.Error("a place or a waiter is left behind")
	}
}

// TestAPlaceThatIsGivenToWhoeverJustGaveUpIsFreeAgain: the waiter has woken to give up and
// has not yet left the queue when its turn comes, or when everybody is sent away.
func TestAPlaceThatIsGivenToWhoeverJustGaveUpIsFreeAgain(t *testing.T) {
	l := gate.Limits{Concurrent: 1}
	for name, pause := range map[string]time.Duration{"its turn comes": 0, "a pause begins": time.Second} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				for range 200 {
					p := enter(t, g, l)
					ctx, cancel := context.WithCancel(context.Background())
					came := waiting(t, g, ctx, l)
					cancel()
					p.Leave(gate.Answered, time.Now().Add(pause))
					if o := <-came; !errors.Is(o.err, context.Canceled) {
						t.Fatalf("%v, want the context's error", o.err)
					}
					pass(pause)
					if g.Saturated(endpoint, l) {
						t.Fatal("the place is lost")
					}
				}
			})
		})
	}
}

func TestAPassIsLeftOnce(t *testing.T) {
	run(t, gate.Options{FailuresToOpen: 2}, func(t *testing.T, g *gate.Gate) {
		l := gate.Limits{Concurrent: 1}
		p := enter(t, g, l)
		p.Leave(gate.Failed, never)
		p.Leave(gate.Failed, time.Now().Add(time.Minute))
		enter(t, g, l)
		waiting(t, g, t.Context(), l)
	})
}

func TestEndpointsThatAreIdleAreForgotten(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		for i := range 100 {
			ask(t, g, fmt.Sprint(i))
		}
		pass(time.Hour - time.Second)
		ask(t, g, "new")
		if got := g.Remembered(); got != 101 {
			t.Errorf("%d are remembered within the hour, want 101", got)
		}
		pass(time.Second)
		ask(t, g, "newer")
		if got := g.Remembered(); got != 2 {
			t.Errorf("%d are remembered after it, want 2", got)
		}
	})
}

func TestNoMoreEndpointsAreRememberedThanFit(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		busy := enter(t, g, gate.Limits{Concurrent: 1})
		for i := range gate.MaxEndpoints + 100 {
			ask(t, g, fmt.Sprint(i))
		}
		if got := g.Remembered(); got != gate.MaxEndpoints {
			t.Errorf("%d are remembered, want %d", got, gate.MaxEndpoints)
		}
		if !g.Saturated(endpoint, gate.Limits{Concurrent: 1}) {
			t.Error("the endpoint with a request under way was forgotten")
		}
		busy.Leave(gate.Answered, never)
	})
}

// ask makes one request to an endpoint.
func ask(t *testing.T, g *gate.Gate, name string) {
	t.Helper()
	p, err := g.Enter(context.Background(), name, gate.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	p.Leave(gate.Answered, never)
}
