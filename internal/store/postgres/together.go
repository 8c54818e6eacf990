package postgres

import (
	"context"
	"runtime"
	"sync"
)

const (
	// maxAloft bounds the flights of look-ups that are shared, and with them the connections
	// that those hold. More than two make flights smaller, and are no faster.
	maxAloft = 2
	// maxTogether bounds the look-ups of one flight.
	maxTogether = 64
)

// together lets look-ups of many callers at once share flights. One that comes alone is sent
// at once; those that come while maxAloft flights are out wait for the next, and go in it
// together. None is ever answered by a flight that left before it came, so that whatever was
// acknowledged before a caller asked is what it is told.
type together struct {
	mu      sync.Mutex
	aloft   int
	waiting []*lookUp
}

// lookUp is one caller's.
type lookUp struct {
	ctx       context.Context
	statement statement
	result    result
	err       error
	// answered gets one value, and has room for it: nobody may be waiting any more.
	answered chan struct{}
}

// share is lookUp for a statement that stands alone and depends on nothing that another one
// leaves in the transaction.
func (db *DB) share(ctx context.Context, s statement) (result, error) {
	bounded, cancel := context.WithTimeout(ctx, db.patience)
	defer cancel()
	l := &lookUp{ctx: bounded, statement: s, answered: make(chan struct{}, 1)}
	t := &db.together
	t.mu.Lock()
	t.waiting = append(t.waiting, l)
	begin := t.aloft < maxAloft
	if begin {
		t.aloft++
	}
	t.mu.Unlock()
	if begin {
		go db.carry()
	}
	select {
	case <-l.answered:
		return l.result, l.err
	case <-bounded.Done():
		return result{}, interpret(ctx, bounded.Err())
	}
}

// carry sends flights until nobody waits.
func (db *DB) carry() {
	for {
		// Let the callers of the flight before, who were just woken, and those whose requests
		// have come meanwhile queue up first.
		runtime.Gosched()
		batch := db.together.next()
		if batch == nil {
			return
		}
		db.answer(batch)
	}
}

// next takes those who wait, without those who have gone; nil: there is nobody, and the
// caller carries no more.
func (t *together) next() (batch []*lookUp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.waiting) > 0 && len(batch) < maxTogether {
		l := t.waiting[0]
		t.waiting[0] = nil
		t.waiting = t.waiting[1:]
		if l.ctx.Err() == nil {
			batch = append(batch, l)
		}
	}
	if len(batch) == 0 {
		t.aloft--
	}
	return batch
}

// answer sends one flight. No single caller's end ends it.
func (db *DB) answer(batch []*lookUp) {
	statements := make([]statement, len(batch))
	for i, l := range batch {
		statements[i] = l.statement
	}
	results, err := db.askAll(context.Background(), db.patience, statements)
	for i, l := range batch {
		if l.err = err; err == nil {
			l.result = results[i]
		}
		l.answered <- struct{}{}
	}
}
