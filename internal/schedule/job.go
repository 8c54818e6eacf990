package schedule

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"strongroom/internal/stack"
)

// Job is work of one kind that comes due.
type Job[T any] struct {
	// Name is for the log.
	Name string
	// Claim returns up to limit pieces of work that are due, and puts them off so that
	// nobody else gets them. more says that there may be some that it left until another
	// piece has ended.
	Claim func(ctx context.Context, limit int) (work []T, more bool, err error)
	// Do does one. ctx ends when the job is to stop.
	Do func(ctx context.Context, work T)
	// Workers is how many are done at once; at least 1.
	Workers int
	// PerSecond is how many are begun a second at most, evenly; 0: no limit. Workers bound
	// what work that waits holds; this bounds what work that does not wait takes from
	// whoever is being served meanwhile.
	PerSecond int
	// Every is how often is looked for more where nothing was left over, give or take a
	// tenth, so that replicas do not look at once.
	Every time.Duration
	Log   *slog.Logger
}

// Run does what comes due until ctx ends, and returns when what was begun has ended.
func (j Job[T]) Run(ctx context.Context) {
	workers := max(1, j.Workers)
	pace := rate.NewLimiter(rate.Inf, 1)
	if j.PerSecond > 0 {
		pace.SetLimit(rate.Limit(j.PerSecond))
	}
	// freed gets a value for every piece that has ended.
	freed := make(chan struct{}, workers)
	var running sync.WaitGroup
	defer running.Wait()
	for busy := 0; ctx.Err() == nil; {
		// Small claims would cost as much as large ones: wait until half are free.
		for busy > workers/2 {
			select {
			case <-freed:
				busy--
			case <-ctx.Done():
				return
			}
		}
		asked := workers - busy
		claimed, more := j.claim(ctx, asked)
		busy += len(claimed)
		for _, work := range claimed {
			if pace.Wait(ctx) != nil {
				return
			}
			running.Go(func() {
				defer func() { freed <- struct{}{} }()
				j.do(ctx, work)
			})
		}
		switch {
		case len(claimed) == asked:
		case more && busy > 0:
			// What ends may leave room for more; and what comes due meanwhile may be of a
			// kind that has room already.
			select {
			case <-freed:
				busy--
			case <-time.After(around(j.Every)):
			case <-ctx.Done():
			}
		default:
			select {
			case <-time.After(around(j.Every)):
			case <-ctx.Done():
			}
		}
	}
}

func (j Job[T]) claim(ctx context.Context, limit int) ([]T, bool) {
	claimed, more, err := j.Claim(ctx, limit)
	if err != nil && ctx.Err() == nil {
		j.Log.Warn("due work cannot be claimed; it is tried again", "job", j.Name, "error", err)
	}
	return claimed, more
}

// do does one piece; a panic ends that piece alone.
func (j Job[T]) do(ctx context.Context, work T) {
	defer func() {
		if recover() != nil {
			j.Log.Error("due work panicked", "job", j.Name, "stack", stack.Here())
		}
	}()
	j.Do(ctx, work)
}

func around(d time.Duration) time.Duration {
	return time.Duration(float64(d) * (0.9 + 0.2*rand.Float64()))
}
