package storetest

import (
	"bytes"
	"slices"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// order puts ids as every method of AuditView does.
func order(ids ...uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// testAuditSnapshots is long: it is a table, whose rows are the cases.
func testAuditSnapshots(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"the function's error is returned": func(f *fixture) {
			f.refused(f.AuditSnapshot(f.Context(), func(store.AuditView) error { return errChanged }), errChanged)
		},
		"an empty log has nothing": func(f *fixture) {
			f.snapshot(func(v store.AuditView) {
				chains, err := v.Chains()
				f.must(err)
				list, err := v.Heads()
				f.must(err)
				f.equal(len(chains)+len(list)+len(collect(f, v.Records()))+len(collect(f, v.Checkpoints())), 0)
			})
		},
		"a chain is read in order of sequence, from the one asked for": func(f *fixture) {
			first, second := newChain(), newChain()
			records := first.events(uuid.New(), 2)
			f.append(first, records)
			f.append(second, second.events(uuid.New(), 2))
			more := first.events(uuid.New(), 3)
			f.append(first, more)
			f.snapshot(func(v store.AuditView) {
				got := collect(f, v.ChainRecords(first.id, 2))
				want := append(records[1:], more...)
				f.equal(len(got), len(want))
				for i := range got {
					got[i].Cursor = 0
				}
				f.equal(got, want)
				f.equal(len(collect(f, v.ChainRecords(uuid.New(), 1))), 0)
			})
		},
		"every chain is named that has a record or a head": func(f *fixture) {
			both, headOnly := newChain(), newChain()
			f.append(both, both.events(uuid.Nil, 1))
			f.append(headOnly, nil)
			f.snapshot(func(v store.AuditView) {
				chains, err := v.Chains()
				f.must(err)
				f.equal(chains, order(both.id, headOnly.id))
				list, err := v.Heads()
				f.must(err)
				f.equal(list, heads(both, headOnly))
			})
		},
		"a view may be left early and read within another": func(f *fixture) {
			c := newChain()
			f.append(c, c.events(uuid.Nil, 3))
			f.snapshot(func(v store.AuditView) {
				seen := 0
				for _, err := range v.Records() {
					f.must(err)
					f.equal(len(collect(f, v.Records())), 3)
					if seen++; seen == 2 {
						break
					}
				}
				f.equal(seen, 2)
			})
		},
		"a view does not change while others append": func(f *fixture) {
			c := newChain()
			before := c.events(uuid.New(), 2)
			f.append(c, before)
			f.checkpoint(1)
			head := c.head()
			f.snapshot(func(v store.AuditView) {
				f.append(c, c.events(uuid.New(), 2))
				f.checkpoint(2)
				f.equal(len(collect(f, v.Records())), 2)
				f.equal(len(collect(f, v.ChainRecords(c.id, 1))), 2)
				f.equal(len(collect(f, v.Checkpoints())), 1)
				list, err := v.Heads()
				f.must(err)
				f.equal(list, []store.AuditHead{head})
			})
			f.equal(len(f.stored()), 4)
		},
		"every view is whole while many append": func(f *fixture) {
			const writers, appends = 4, 20
			var group sync.WaitGroup
			defer group.Wait()
			for range writers {
				c, s := newChain(), f.another()
				group.Go(func() {
					for range appends {
						records := c.events(uuid.Nil, 3)
						if err := s.Write(f.Context(), func(tx store.Tx) error { return tx.AppendAudit(records, c.head()) }); err != nil {
							f.Errorf("append: %v", err)
						}
					}
				})
			}
			for range 10 {
				f.snapshot(func(v store.AuditView) { whole(f, v) })
			}
			group.Wait()
			f.equal(len(f.stored()), writers*appends*3)
		},
	})
}

// whole checks that every chain ends where its head says.
func whole(f *fixture, v store.AuditView) {
	f.Helper()
	list, err := v.Heads()
	f.must(err)
	total := 0
	for _, head := range list {
		records := collect(f, v.ChainRecords(head.Chain, 1))
		f.equal(int64(len(records)), head.Sequence)
		total += len(records)
	}
	f.equal(len(collect(f, v.Records())), total)
}
