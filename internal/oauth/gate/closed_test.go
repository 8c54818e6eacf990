package gate_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strongroom/internal/oauth/gate"
)

func TestFailuresInARowOpenTheBreaker(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		fail(t, g, 4)
		enter(t, g, gate.Limits{}).Leave(gate.Answered, never)
		fail(t, g, 4)
		enter(t, g, gate.Limits{}).Leave(gate.Unknown, never)
		fail(t, g, 1)
		wantClosed(t, g, gate.Open, 30*time.Second)
		pass(30*time.Second - 1)
		wantClosed(t, g, gate.Open, 1)
		pass(1)
		enter(t, g, gate.Limits{})
	})
}

func TestAHalfOpenBreakerLetsOneRequestThrough(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		fail(t, g, 5)
		pass(30 * time.Second)
		var passes atomic.Pointer[gate.Pass]
		var all sync.WaitGroup
		for range 300 {
			all.Go(func() {
				p, err := g.Enter(context.Background(), endpoint, gate.Limits{Concurrent: 10})
				if err != nil {
					checkClosed(t, err, gate.Open, time.Second)
				} else if !passes.CompareAndSwap(nil, p) {
					t.Error("two were let through")
				}
			})
		}
		all.Wait()
		probe := passes.Load()
		if probe == nil {
			t.Fatal("none was let through")
		}
		probe.Leave(gate.Answered, never)
		fail(t, g, 4)
		enter(t, g, gate.Limits{})
	})
}

func TestABreakerStaysOpenLongerWhileItsProbesFail(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		fail(t, g, 5)
		for _, d := range []time.Duration{30, 60, 120, 240, 480, 600, 600} {
			wantClosed(t, g, gate.Open, d*time.Second)
			pass(d * time.Second)
			fail(t, g, 1)
		}
		pass(600 * time.Second)
		enter(t, g, gate.Limits{}).Leave(gate.Answered, never)
		fail(t, g, 5)
		wantClosed(t, g, gate.Open, 30*time.Second)
	})
}

func TestTheBreakerIsAsItsOptionsSay(t *testing.T) {
	run(t, gate.Options{FailuresToOpen: 2, OpenFor: time.Hour}, func(t *testing.T, g *gate.Gate) {
		fail(t, g, 2)
		wantClosed(t, g, gate.Open, 10*time.Minute)
	})
}

func TestAProbeThatTeachesNothingIsFollowedByAnother(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, g *gate.Gate){
		"its caller gave up": func(t *testing.T, g *gate.Gate) {
			enter(t, g, gate.Limits{}).Leave(gate.Unknown, never)
		},
		"it was cancelled while it waited": func(t *testing.T, g *gate.Gate) {
			ctx, cancel := context.WithCancel(context.Background())
			came := waiting(t, g, ctx, gate.Limits{Concurrent: 1})
			wantClosed(t, g, gate.Open, time.Second)
			cancel()
			<-came
		},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				enter(t, g, gate.Limits{})
				fail(t, g, 5)
				pass(30 * time.Second)
				end(t, g)
				enter(t, g, gate.Limits{}).Leave(gate.Answered, never)
				fail(t, g, 1)
				enter(t, g, gate.Limits{})
			})
		})
	}
}

func TestRequestsFromBeforeTheBreakerOpenedNeitherCloseNorProlongIt(t *testing.T) {
	for name, result := range map[string]gate.Result{"answered": gate.Answered, "failed": gate.Failed} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				late := enter(t, g, gate.Limits{})
				later := enter(t, g, gate.Limits{})
				fail(t, g, 5)
				pass(10 * time.Second)
				late.Leave(result, never)
				wantClosed(t, g, gate.Open, 20*time.Second)
				pass(20 * time.Second)
				probe := enter(t, g, gate.Limits{})
				later.Leave(result, never)
				wantClosed(t, g, gate.Open, time.Second)
				probe.Leave(gate.Answered, never)
				enter(t, g, gate.Limits{})
			})
		})
	}
}

func TestAPauseHoldsEveryRequest(t *testing.T) {
	for name, c := range map[string]struct{ asked, held time.Duration }{
		"as long as asked":        {90 * time.Second, 90 * time.Second},
		"for an hour at most":     {8760 * time.Hour, time.Hour},
		"no longer than a second": {time.Second, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				enter(t, g, gate.Limits{}).Leave(gate.Answered, time.Now().Add(c.asked))
				wantClosed(t, g, gate.Paused, c.held)
				pass(c.held - 1)
				wantClosed(t, g, gate.Paused, 1)
				pass(1)
				enter(t, g, gate.Limits{})
			})
		})
	}
}

func TestAPauseThatIsOverHoldsNobody(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		enter(t, g, gate.Limits{}).Leave(gate.Answered, time.Now().Add(-time.Minute))
		enter(t, g, gate.Limits{}).Leave(gate.Answered, time.Now())
		enter(t, g, gate.Limits{})
	})
}

func TestALaterAnswerDoesNotShortenAPause(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		one, two, three := enter(t, g, gate.Limits{}), enter(t, g, gate.Limits{}), enter(t, g, gate.Limits{})
		one.Leave(gate.Answered, time.Now().Add(time.Minute))
		two.Leave(gate.Answered, time.Now().Add(time.Second))
		three.Leave(gate.Answered, never)
		wantClosed(t, g, gate.Paused, time.Minute)
	})
}

func TestTheReasonThatHoldsLongerIsGiven(t *testing.T) {
	for name, c := range map[string]struct {
		pause  time.Duration
		reason gate.Reason
		held   time.Duration
	}{
		"a long pause":  {time.Minute, gate.Paused, time.Minute},
		"a short pause": {time.Second, gate.Open, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{FailuresToOpen: 1}, func(t *testing.T, g *gate.Gate) {
				enter(t, g, gate.Limits{}).Leave(gate.Failed, time.Now().Add(c.pause))
				wantClosed(t, g, c.reason, c.held)
			})
		})
	}
}

func TestAPauseDoesNotUseUpTheProbe(t *testing.T) {
	run(t, gate.Options{FailuresToOpen: 1}, func(t *testing.T, g *gate.Gate) {
		enter(t, g, gate.Limits{}).Leave(gate.Failed, time.Now().Add(time.Minute))
		pass(45 * time.Second)
		wantClosed(t, g, gate.Paused, 15*time.Second)
		pass(15 * time.Second)
		enter(t, g, gate.Limits{})
	})
}

func TestWaitersAreSentAwayWhenTheEndpointCloses(t *testing.T) {
	for name, c := range map[string]struct {
		result gate.Result
		pause  time.Duration
		reason gate.Reason
		held   time.Duration
	}{
		"a pause":         {gate.Answered, time.Minute, gate.Paused, time.Minute},
		"an open breaker": {gate.Failed, 0, gate.Open, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{FailuresToOpen: 1}, func(t *testing.T, g *gate.Gate) {
				l := gate.Limits{Concurrent: 1}
				p := enter(t, g, l)
				var came []<-chan outcome
				for range 10 {
					came = append(came, waiting(t, g, context.Background(), l))
				}
				p.Leave(c.result, time.Now().Add(c.pause))
				for _, w := range came {
					checkClosed(t, (<-w).err, c.reason, c.held)
				}
				pass(c.held)
				enter(t, g, l)
			})
		})
	}
}

func TestAProbeThatIsSentAwayIsFollowedByAnother(t *testing.T) {
	run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
		late := enter(t, g, gate.Limits{})
		fail(t, g, 5)
		pass(30 * time.Second)
		probe := waiting(t, g, context.Background(), gate.Limits{Concurrent: 1})
		late.Leave(gate.Answered, time.Now().Add(time.Minute))
		checkClosed(t, (<-probe).err, gate.Paused, time.Minute)
		pass(time.Minute)
		enter(t, g, gate.Limits{})
	})
}

func TestSaturated(t *testing.T) {
	l := gate.Limits{PerSecond: 1, Concurrent: 2}
	for name, c := range map[string]struct {
		prepare func(t *testing.T, g *gate.Gate)
		want    bool
	}{
		"nobody ever asked":   {func(*testing.T, *gate.Gate) {}, false},
		"the rate is used up": {func(t *testing.T, g *gate.Gate) { enter(t, g, l) }, true},
		"the rate is there again": {func(t *testing.T, g *gate.Gate) {
			enter(t, g, l)
			pass(time.Second)
		}, false},
		"no place is free": {func(t *testing.T, g *gate.Gate) {
			enter(t, g, l)
			enter(t, g, l)
			pass(time.Second)
		}, true},
		"somebody waits": {func(t *testing.T, g *gate.Gate) {
			enter(t, g, gate.Limits{Concurrent: 1})
			waiting(t, g, t.Context(), gate.Limits{Concurrent: 1})
		}, true},
		"a pause": {func(t *testing.T, g *gate.Gate) {
			enter(t, g, gate.Limits{}).Leave(gate.Answered, time.Now().Add(time.Minute))
		}, true},
		"an open breaker": {func(t *testing.T, g *gate.Gate) { fail(t, g, 5) }, true},
		"a half-open breaker": {func(t *testing.T, g *gate.Gate) {
			fail(t, g, 5)
			pass(30 * time.Second)
		}, false},
		"a half-open breaker with its probe under way": {func(t *testing.T, g *gate.Gate) {
			fail(t, g, 5)
			pass(30 * time.Second)
			enter(t, g, gate.Limits{})
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			run(t, gate.Options{}, func(t *testing.T, g *gate.Gate) {
				c.prepare(t, g)
				for range 2 {
					if got := g.Saturated(endpoint, l); got != c.want {
						t.Errorf("Saturated = %v, want %v", got, c.want)
					}
				}
			})
		})
	}
}

func TestTheErrorSaysWhyAndUntilWhen(t *testing.T) {
	until := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	for reason, want := range map[gate.Reason]string{
		gate.Paused: "asked for a pause; it is asked again after 2026-01-02T02:04:05Z",
		gate.Open:   "failed several times in a row; it is asked again after 2026-01-02T02:04:05Z",
	} {
		if got := (&gate.ClosedError{Until: until, Reason: reason}).Error(); !strings.HasSuffix(got, want) {
			t.Errorf("%s: %q", reason, got)
		}
	}
}
