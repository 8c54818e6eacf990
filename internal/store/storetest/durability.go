package storetest

import (
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// allOfThem is a page larger than any test's list.
var allOfThem = strongroom.Page{Limit: 1000}

func testDurability(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"what was written is there after it was closed and opened again": func(f *fixture) {
			owner := f.property()
			f.must(f.Close())
			f.Store = f.another()
			f.unchanged(owner)
			records := f.stored()
			f.equal(records, []store.AuditRecord{owner.event})
		},
		"what was written is there for another process at once": func(f *fixture) {
			other := f.another()
			owner := f.property()
			f.Store = other
			f.unchanged(owner)
		},
		"cursors go on growing after it was opened again": func(f *fixture) {
			c := newChain()
			first := c.events(uuid.Nil, 2)
			f.append(c, first)
			f.must(f.Close())
			f.Store = f.another()
			second := c.events(uuid.Nil, 2)
			f.append(c, second)
			f.equal(f.stored(), append(first, second...))
		},
		"a store that was just opened is ready, and stays so": func(f *fixture) {
			for range 3 {
				f.must(f.Ready(f.Context()))
			}
		},
		"ErrUnavailable for everything after it was closed, which may be done twice": func(f *fixture) {
			f.must(f.Close())
			f.must(f.Close())
			for name, call := range calls(f.Store) {
				f.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(call(f.Context()), store.ErrUnavailable) })
			}
		},
	})
}
