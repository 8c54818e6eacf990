package storetest

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

func checkpoint(sequence int64) store.AuditCheckpoint {
	return store.AuditCheckpoint{
		Sequence: sequence, Body: []byte{'{', byte(sequence), 0, '}'}, KeyID: uuid.NewMD5(uuid.Nil, []byte{byte(sequence)}),
		Signature: []byte{0xff, 0, byte(sequence)}, CreatedAt: at(int(sequence)),
	}
}

// heads are the chains' heads in order of chain id.
func heads(chains ...*chain) []store.AuditHead {
	list := make([]store.AuditHead, len(chains))
	for i, c := range chains {
		list[i] = c.head()
	}
	slices.SortFunc(list, func(a, b store.AuditHead) int { return bytes.Compare(a.Chain[:], b.Chain[:]) })
	return list
}

// uncheckpointed are the heads that no checkpoint names.
func (f *fixture) uncheckpointed() (list []store.AuditHead) {
	f.Helper()
	f.write(func(tx store.Tx) (err error) { list, err = tx.UncheckpointedHeads(); return err })
	return list
}

// checkpoint names the heads that are there now.
func (f *fixture) checkpoint(sequence int64) {
	f.Helper()
	f.write(func(tx store.Tx) error {
		if _, err := tx.UncheckpointedHeads(); err != nil {
			return err
		}
		return tx.AppendCheckpoint(checkpoint(sequence))
	})
}

func testAuditCheckpoints(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for the last of none": func(f *fixture) {
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.LastCheckpoint(); return err }), store.ErrNotFound)
		},
		"ErrDuplicate for a sequence that is taken, and the heads stay unnamed": func(f *fixture) {
			f.checkpoint(1)
			c := newChain()
			f.append(c, c.events(uuid.Nil, 1))
			f.refused(f.try(func(tx store.Tx) error {
				if _, err := tx.UncheckpointedHeads(); err != nil {
					return err
				}
				return tx.AppendCheckpoint(checkpoint(1))
			}), store.ErrDuplicate)
			f.equal(f.uncheckpointed(), heads(c))
		},
		"the last one is the one of the highest sequence": func(f *fixture) {
			f.checkpoint(1)
			f.checkpoint(2)
			f.write(func(tx store.Tx) error {
				last, err := tx.LastCheckpoint()
				f.equal(last, checkpoint(2))
				return err
			})
			f.snapshot(func(v store.AuditView) {
				f.equal(collect(f, v.Checkpoints()), []store.AuditCheckpoint{checkpoint(1), checkpoint(2)})
			})
		},
		"a head is named once, and again when it has moved": func(f *fixture) {
			first, second := newChain(), newChain()
			f.append(first, first.events(uuid.Nil, 1))
			f.append(second, second.events(uuid.Nil, 2))
			f.equal(f.uncheckpointed(), heads(first, second))
			f.checkpoint(1)
			f.equal(len(f.uncheckpointed()), 0)
			f.append(second, second.events(uuid.Nil, 1))
			f.equal(f.uncheckpointed(), heads(second))
		},
		"a head that moves in the same transaction after it was read stays unnamed": func(f *fixture) {
			still, moving := newChain(), newChain()
			f.append(still, still.events(uuid.Nil, 1))
			f.append(moving, moving.events(uuid.Nil, 1))
			f.write(func(tx store.Tx) error {
				if _, err := tx.UncheckpointedHeads(); err != nil {
					return err
				}
				if err := tx.AppendAudit(moving.events(uuid.Nil, 1), moving.head()); err != nil {
					return err
				}
				return tx.AppendCheckpoint(checkpoint(1))
			})
			f.equal(f.uncheckpointed(), heads(moving))
		},
		"a checkpoint that is taken back names nothing": func(f *fixture) {
			c := newChain()
			f.append(c, c.events(uuid.Nil, 1))
			f.refused(f.try(func(tx store.Tx) error {
				if _, err := tx.UncheckpointedHeads(); err != nil {
					return err
				}
				if err := tx.AppendCheckpoint(checkpoint(1)); err != nil {
					return err
				}
				return errChanged
			}), errChanged)
			f.equal(f.uncheckpointed(), heads(c))
		},
	})
}
