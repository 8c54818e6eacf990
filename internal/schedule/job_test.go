package schedule_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/internal/schedule"
)

const every = time.Minute

// queue is due work that is claimed from the front.
type queue struct {
	mu     sync.Mutex
	due    []int
	limits []int
	err    error
	// most bounds how many are under way; more are left until one has ended.
	most, underWay int
}

func (q *queue) claim(_ context.Context, limit int) ([]int, bool, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.limits = append(q.limits, limit)
	if q.err != nil {
		return nil, false, q.err
	}
	n := min(limit, len(q.due))
	if q.most > 0 {
		n = min(n, q.most-q.underWay)
	}
	claimed := q.due[:n]
	q.due = q.due[n:]
	q.underWay += n
	return claimed, len(q.due) > 0, nil
}

func (q *queue) ended() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.underWay--
}

func (q *queue) set(due []int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.due, q.err = due, err
}

func numbers(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// start runs the job until the test's bubble is left; stop waits for its end.
func start(t *testing.T, q *queue, workers int, log io.Writer, do func(ctx context.Context, n int)) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		schedule.Job[int]{Name: "test", Claim: q.claim, Do: do, Workers: workers, Every: every, Log: slog.New(slog.NewTextHandler(log, nil))}.Run(ctx)
	}()
	return func() { cancel(); <-ended }
}

func TestAClaimThatFailsIsLoggedAndTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, log := &queue{err: errors.New("the database is away")}, &bytes.Buffer{}
		var done atomic.Int32
		stop := start(t, q, 4, log, func(context.Context, int) { done.Add(1) })
		synctest.Wait()
		q.set(numbers(3), nil)
		<-time.After(2 * every)
		synctest.Wait()
		stop()
		if done.Load() != 3 || !strings.Contains(log.String(), "the database is away") {
			t.Errorf("%d were done; log: %s", done.Load(), log)
		}
	})
}

func TestAPanicEndsItsPieceAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, log := &queue{due: numbers(5)}, &bytes.Buffer{}
		var done atomic.Int32
		stop := start(t, q, 1, log, func(_ context.Context, n int) {
			if n == 2 {
				panic("canary")
			}
			done.Add(1)
		})
		synctest.Wait()
		stop()
		if done.Load() != 4 || !strings.Contains(log.String(), "due work panicked") || strings.Contains(log.String(), "canary") {
			t.Errorf("%d were done; log: %s", done.Load(), log)
		}
	})
}

func TestNoMoreIsClaimedOrDoneAtOnceThanThereAreWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers = 8
		q := &queue{due: numbers(1000)}
		var now, most, done atomic.Int32
		stop := start(t, q, workers, io.Discard, func(context.Context, int) {
			most.Store(max(most.Load(), now.Add(1)))
			<-time.After(time.Second)
			now.Add(-1)
			done.Add(1)
		})
		<-time.After(10 * time.Minute)
		synctest.Wait()
		stop()
		if done.Load() != 1000 || most.Load() > workers {
			t.Errorf("%d were done, %d at once", done.Load(), most.Load())
		}
		for _, limit := range q.limits {
			if limit < workers/2 || limit > workers {
				t.Fatalf("claimed up to %d with %d workers", limit, workers)
			}
		}
	})
}

func TestNothingDueIsLookedForOnceAnInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		stop := start(t, q, 4, io.Discard, func(context.Context, int) {})
		<-time.After(100 * every)
		stop()
		if n := len(q.limits); n < 85 || n > 115 {
			t.Errorf("looked %d times in 100 intervals", n)
		}
	})
}

func TestTheEndWaitsForWhatWasBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{due: numbers(2)}
		var done atomic.Int32
		stop := start(t, q, 4, io.Discard, func(ctx context.Context, _ int) {
			<-ctx.Done()
			<-time.After(time.Second)
			done.Add(1)
		})
		synctest.Wait()
		stop()
		if done.Load() != 2 {
			t.Errorf("%d had ended when Run returned", done.Load())
		}
	})
}

func TestWhatWasLeftIsClaimedAsSoonAsSomethingHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{due: numbers(100), most: 2}
		began := time.Now()
		var done atomic.Int32
		stop := start(t, q, 8, io.Discard, func(context.Context, int) {
			<-time.After(time.Millisecond)
			q.ended()
			if done.Add(1) == 100 && time.Since(began) > time.Second {
				t.Errorf("it took %v for 50 times a millisecond", time.Since(began))
			}
		})
		<-time.After(every / 2)
		synctest.Wait()
		stop()
		if done.Load() != 100 {
			t.Errorf("%d of 100 were done", done.Load())
		}
	})
}

func TestWorkIsBegunAtAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{due: numbers(100)}
		began := time.Now()
		var mu sync.Mutex
		var begun []time.Duration
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			schedule.Job[int]{
				Name: "test", Claim: q.claim, Workers: 16, PerSecond: 20, Every: every, Log: slog.New(slog.DiscardHandler),
				Do: func(context.Context, int) {
					mu.Lock()
					defer mu.Unlock()
					begun = append(begun, time.Since(began))
				},
			}.Run(ctx)
		}()
		<-time.After(time.Minute)
		cancel()
		<-ended
		if len(begun) != 100 {
			t.Fatalf("%d of 100 were done", len(begun))
		}
		for i, at := range begun {
			if want := time.Duration(i) * 50 * time.Millisecond; at < want-time.Millisecond || at > want+time.Millisecond {
				t.Fatalf("the %dth was begun after %s, want %s", i, at, want)
			}
		}
	})
}

func TestWorkThatWaitsForItsPaceEndsWithTheJob(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{due: numbers(100)}
		var done atomic.Int32
		ctx, cancel := context.WithTimeout(t.Context(), 1500*time.Millisecond)
		defer cancel()
		schedule.Job[int]{
			Name: "test", Claim: q.claim, Workers: 16, PerSecond: 1, Every: every, Log: slog.New(slog.DiscardHandler),
			Do: func(context.Context, int) { done.Add(1) },
		}.Run(ctx)
		if done.Load() != 2 {
			t.Errorf("%d were begun in 1.5 s at one a second", done.Load())
		}
	})
}
