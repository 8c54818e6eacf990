package audit_test

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// contents is what a memory holds.
type contents struct {
	records       []store.AuditRecord // in order of cursor
	heads         map[uuid.UUID]store.AuditHead
	checkpoints   []store.AuditCheckpoint // in order of sequence
	named         map[uuid.UUID]int64     // the sequence that a checkpoint names last
	organizations map[uuid.UUID]time.Time
	cursor        int64
}

func (c contents) clone() contents {
	c.records, c.checkpoints = slices.Clone(c.records), slices.Clone(c.checkpoints)
	c.heads, c.named, c.organizations = maps.Clone(c.heads), maps.Clone(c.named), maps.Clone(c.organizations)
	return c
}

// stage is a moment of a transaction at which a fault may strike.
type stage string

const (
	atBegin      stage = "begin"
	atAppend     stage = "append"
	atEnsure     stage = "ensure"
	atCheckpoint stage = "checkpoint"
	// atCommit loses the transaction; atCommitKept keeps it and fails all the same.
	atCommit     stage = "commit"
	atCommitKept stage = "commit, kept"
)

// memory is the part of a store that the audit log stands on, in memory.
type memory struct {
	mu     sync.Mutex
	kept   contents
	writes int

	faults sync.Mutex
	// fault, where set, is asked at every stage; its error is the stage's.
	fault func(stage) error
}

func newMemory() *memory {
	return &memory{kept: contents{
		heads: map[uuid.UUID]store.AuditHead{}, named: map[uuid.UUID]int64{}, organizations: map[uuid.UUID]time.Time{},
	}}
}

// failAt makes the stages fail until it is called again.
func (m *memory) failAt(stages ...stage) {
	m.setFault(func(s stage) error {
		if slices.Contains(stages, s) {
			return fmt.Errorf("disk full: %w", store.ErrUnavailable)
		}
		return nil
	})
}

func (m *memory) setFault(fault func(stage) error) {
	m.faults.Lock()
	defer m.faults.Unlock()
	m.fault = fault
}

func (m *memory) strike(s stage) error {
	m.faults.Lock()
	fault := m.fault
	m.faults.Unlock()
	if fault == nil {
		return nil
	}
	return fault(s)
}

func (m *memory) Write(ctx context.Context, fn func(store.Tx) error) error {
	if err := m.strike(atBegin); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
	}
	tx := &memoryTx{memory: m, contents: m.kept.clone()}
	if err := fn(tx); err != nil {
		return err
	}
	if err := m.strike(atCommit); err != nil {
		return err
	}
	m.kept = tx.contents
	m.writes++
	return m.strike(atCommitKept)
}

func (m *memory) snapshot() contents {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.kept.clone()
}

// edit changes the contents behind everybody's back.
func (m *memory) edit(fn func(*contents)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	fn(&m.kept)
}

func (m *memory) ListEvents(context.Context, uuid.UUID, strongroom.EventQuery) ([]store.AuditRecord, error) {
	panic("the audit log lists no events")
}

func (m *memory) AuditSnapshot(_ context.Context, fn func(store.AuditView) error) error {
	return fn(memoryView{m.snapshot()})
}

// memoryTx has the methods that the log and the tests call.
type memoryTx struct {
	store.Tx
	memory *memory
	contents
}

func (tx *memoryTx) Nested(fn func() error) error {
	before := tx.contents.clone()
	err := fn()
	if err != nil {
		tx.contents = before
	}
	return err
}

func (tx *memoryTx) EnsureOrganization(id uuid.UUID, at time.Time) error {
	tx.organizations[id] = at
	return tx.memory.strike(atEnsure)
}

func (tx *memoryTx) AppendAudit(records []store.AuditRecord, head store.AuditHead) error {
	if err := tx.memory.strike(atAppend); err != nil {
		return err
	}
	if want := tx.heads[head.Chain].Sequence + int64(len(records)); head.Sequence != want {
		return fmt.Errorf("head at %d, want %d: %w", head.Sequence, want, store.ErrDuplicate)
	}
	for _, r := range records {
		tx.cursor++
		r.Cursor, r.Body = tx.cursor, bytes.Clone(r.Body)
		tx.records = append(tx.records, r)
	}
	tx.heads[head.Chain] = head
	return nil
}

func (tx *memoryTx) AuditHead(chain uuid.UUID) (store.AuditHead, error) {
	head, found := tx.heads[chain]
	if !found {
		return store.AuditHead{}, store.ErrNotFound
	}
	return head, nil
}

func (tx *memoryTx) UncheckpointedHeads() ([]store.AuditHead, error) {
	var moved []store.AuditHead
	for _, h := range (memoryView{tx.contents}).sortedHeads() {
		if h.Sequence != tx.named[h.Chain] {
			moved = append(moved, h)
		}
	}
	return moved, nil
}

func (tx *memoryTx) LastCheckpoint() (store.AuditCheckpoint, error) {
	if len(tx.checkpoints) == 0 {
		return store.AuditCheckpoint{}, store.ErrNotFound
	}
	return tx.checkpoints[len(tx.checkpoints)-1], nil
}

func (tx *memoryTx) AppendCheckpoint(c store.AuditCheckpoint) error {
	if err := tx.memory.strike(atCheckpoint); err != nil {
		return err
	}
	for _, h := range tx.heads {
		tx.named[h.Chain] = h.Sequence
	}
	tx.checkpoints = append(tx.checkpoints, c)
	return nil
}

// memoryView is the log at one moment.
type memoryView struct{ contents }

func (v memoryView) sortedHeads() []store.AuditHead {
	return slices.SortedFunc(maps.Values(v.heads), func(a, b store.AuditHead) int {
		return bytes.Compare(a.Chain[:], b.Chain[:])
	})
}

func (v memoryView) Heads() ([]store.AuditHead, error) { return v.sortedHeads(), nil }

func (v memoryView) Chains() ([]uuid.UUID, error) {
	ids := map[uuid.UUID]bool{}
	for _, r := range v.records {
		ids[r.Chain] = true
	}
	for id := range v.heads {
		ids[id] = true
	}
	return slices.SortedFunc(maps.Keys(ids), func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }), nil
}

func (v memoryView) ChainRecords(chain uuid.UUID, from int64) iter.Seq2[store.AuditRecord, error] {
	var own []store.AuditRecord
	for _, r := range v.records {
		if r.Chain == chain && r.Sequence >= from {
			own = append(own, r)
		}
	}
	slices.SortStableFunc(own, func(a, b store.AuditRecord) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return each(own)
}

func (v memoryView) Records() iter.Seq2[store.AuditRecord, error] { return each(v.records) }

func (v memoryView) Checkpoints() iter.Seq2[store.AuditCheckpoint, error] { return each(v.checkpoints) }

func each[T any](all []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, one := range all {
			if !yield(one, nil) {
				return
			}
		}
	}
}
