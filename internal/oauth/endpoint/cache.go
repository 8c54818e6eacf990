package endpoint

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"strongroom"
)

const (
	// freshFor is how long what was fetched is taken for current.
	freshFor = time.Hour
	// fetchPause lies between two fetches of the same thing where the first failed.
	fetchPause = 10 * time.Second
	// maxEntries bounds a cache: issuers may hold variables, which customers set.
	maxEntries = 1000
)

// cache remembers what was fetched from providers, by key. Of the same thing at most one
// fetch is under way, and it is nobody's own: it goes on when those who wait are gone. What
// cannot be fetched anew stays in use.
type cache[T any] struct {
	clock strongroom.Clock
	log   *slog.Logger

	mu      sync.Mutex
	entries map[string]*entry[T]
}

type entry[T any] struct {
	// value is the last good one, where there is one.
	value T
	good  bool
	// fetchedAt is when value came, triedAt when the newest fetch began, failure how it ended.
	fetchedAt, triedAt, usedAt time.Time
	failure                    error
	// running is closed when the fetch under way ends; nil: none is.
	running chan struct{}
}

func newCache[T any](clock strongroom.Clock, log *slog.Logger) *cache[T] {
	return &cache[T]{clock: clock, log: log, entries: map[string]*entry[T]{}}
}

// get returns what is remembered under the key, or waits for a fetch.
func (c *cache[T]) get(ctx context.Context, key string, fetch func(context.Context) (T, error)) (T, error) {
	c.mu.Lock()
	e, now := c.entryLocked(key), c.clock.Now()
	e.usedAt = now
	if e.good && now.Sub(e.fetchedAt) < freshFor {
		defer c.mu.Unlock()
		return e.value, nil
	}
	if e.running == nil && now.Sub(e.triedAt) >= fetchPause {
		e.triedAt, e.running = now, make(chan struct{})
		go c.run(context.WithoutCancel(ctx), key, e, fetch)
	}
	running := e.running
	c.mu.Unlock()
	var gone error
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			gone = explain(ctx.Err())
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case e.good:
		return e.value, nil
	case gone != nil:
		return e.value, gone
	}
	return e.value, e.failure
}

// entryLocked returns the key's entry, a new one if need be. The one that was not used for
// the longest time makes room.
func (c *cache[T]) entryLocked(key string) *entry[T] {
	if e, ok := c.entries[key]; ok {
		return e
	}
	if len(c.entries) >= maxEntries {
		oldest := ""
		for k, e := range c.entries {
			if o := c.entries[oldest]; e.running == nil && (o == nil || e.usedAt.Before(o.usedAt)) {
				oldest = k
			}
		}
		delete(c.entries, oldest)
	}
	e := &entry[T]{}
	c.entries[key] = e
	return e
}

// run makes one fetch and ends it whatever happens.
func (c *cache[T]) run(ctx context.Context, key string, e *entry[T], fetch func(context.Context) (T, error)) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	var value T
	failure := error(&Error{Reason: strongroom.ReasonProviderError, text: "fetching ended without a result"})
	defer func() {
		if p := recover(); p != nil {
			// What panicked over a hostile document may quote it: its type has to do.
			failure = &Error{Reason: strongroom.ReasonMalformedAnswer, text: fmt.Sprintf("fetching panicked (%T)", p)}
		}
		c.finish(key, e, value, failure)
	}()
	value, failure = fetch(ctx)
}

func (c *cache[T]) finish(key string, e *entry[T], value T, failure error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if failure == nil {
		e.value, e.good, e.fetchedAt = value, true, c.clock.Now()
	} else if e.good {
		c.log.Warn("a provider's metadata cannot be fetched; the last good ones stay in use", "issuer", key, "error", failure)
	}
	e.failure = failure
	close(e.running)
	e.running = nil
}
