package postgres

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/google/uuid"
)

const (
	// fullFlight bounds the look-ups of one flight.
	fullFlight = 64
	// mostAloft bounds the flights, and with them the connections held.
	mostAloft = 4
	// lateAfter is when nobody waits any longer for a flight to return: its connection may be
	// dead, without anybody having said so.
	lateAfter = 100 * time.Millisecond
)

// together lets look-ups of many callers at once share flights: those that come while one is
// out wait until it returns, or they fill another, and go together. One flight that carries
// all costs less than several that carry a part each. None is ever answered by a flight that
// left before it came, so that whatever was acknowledged before a caller asked is what it is
// told.
type together struct {
	mu      sync.Mutex
	waiting []*lookUp
	// aloft counts the flights out, and late those of them that nobody waits for.
	aloft, late int
}

// lookUp is one caller's.
type lookUp struct {
	ctx        context.Context
	hash       [32]byte
	credential uuid.UUID
	// record is what was found, nil for a key that is not there.
	record [][]byte
	err    error
	// answered gets one value, and has room for it: nobody may be waiting any more.
	answered chan struct{}
}

// keyAccountCredential looks up a key, its account and a credential in a flight that it shares,
// and returns the three rows; nil: there is no such key.
func (db *DB) keyAccountCredential(ctx context.Context, hash [32]byte, credential uuid.UUID) ([][]byte, error) {
	bounded, cancel := context.WithTimeout(ctx, db.patience)
	defer cancel()
	l := &lookUp{ctx: bounded, hash: hash, credential: credential, answered: make(chan struct{}, 1)}
	t := &db.together
	t.mu.Lock()
	t.waiting = append(t.waiting, l)
	db.leave()
	t.mu.Unlock()
	select {
	case <-l.answered:
		return l.record, l.err
	case <-bounded.Done():
		return nil, interpret(ctx, bounded.Err())
	}
}

// leave starts another flight, if those who wait need wait no longer. The caller holds mu.
func (db *DB) leave() {
	t := &db.together
	if len(t.waiting) > 0 && t.aloft < mostAloft && (t.aloft == t.late || len(t.waiting) >= fullFlight) {
		t.aloft++
		go db.carry()
	}
}

// carry makes one flight.
func (db *DB) carry() {
	t := &db.together
	t.gather()
	batch := t.board()
	var late, returned bool
	timer := time.AfterFunc(db.lateAfter, func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !returned {
			late = true
			t.late++
			db.leave()
		}
	})
	if len(batch) > 0 {
		db.answer(batch)
	}
	timer.Stop()
	t.mu.Lock()
	defer t.mu.Unlock()
	returned = true
	if late {
		t.late--
	}
	t.aloft--
	db.leave()
}

// gather lets the callers of the flight before, who were just woken, and those whose requests
// have come meanwhile queue up, as long as more of them come.
func (t *together) gather() {
	for before, now := -1, 0; before < now && now < fullFlight; {
		runtime.Gosched()
		before, now = now, t.queued()
	}
}

func (t *together) queued() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// board takes those who wait, without those who have gone.
func (t *together) board() (batch []*lookUp) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(t.waiting) > 0 && len(batch) < fullFlight {
		l := t.waiting[0]
		t.waiting[0] = nil
		t.waiting = t.waiting[1:]
		if l.ctx.Err() == nil {
			batch = append(batch, l)
		}
	}
	return batch
}

var errFlight = errors.New("the database is damaged: look-ups are not answered one by one")

// answer sends one flight. No single caller's end ends it.
func (db *DB) answer(batch []*lookUp) {
	records, err := db.keysAccountsCredentials(context.Background(), batch)
	for i, l := range batch {
		if l.err = err; err == nil {
			l.record = records[i]
		}
		l.answered <- struct{}{}
	}
}

// keysAccountsCredentials sends all look-ups as one statement. Each is a call of its own, which
// enters the key's organization and leaves it for the next.
func (db *DB) keysAccountsCredentials(ctx context.Context, batch []*lookUp) ([][][]byte, error) {
	hashes, credentials := make([][]byte, len(batch)), make([]uuid.UUID, len(batch))
	for i, l := range batch {
		hashes[i], credentials[i] = l.hash[:], l.credential
	}
	results, err := db.askAll(ctx, db.patience, []statement{sql(`SELECT asked.place, strongroom.key_account_credential(asked.hash, asked.id)
		FROM unnest($1, $2) WITH ORDINALITY AS asked (hash, id, place)`, hashes, credentials)})
	if err != nil {
		return nil, err
	}
	records := make([][][]byte, len(batch))
	if len(results[0].rows) != len(batch) {
		return nil, errFlight
	}
	for i, values := range results[0].rows {
		r := row{values: values}
		place, record := r.int(), r.record()
		if r.err == nil && place != int64(i+1) {
			r.err = errFlight
		}
		if r.err != nil {
			return nil, r.err
		}
		records[i] = record
	}
	return records, nil
}
