package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// Verify checks the whole log in one unchanging view of it, while others write. It
// streams: its memory grows with the number of chains, not of events. It goes on after
// a problem and reports them all. The error says that the log could not be read to
// its end, or that the given checkpoint is no checkpoint; it is no verdict.
func Verify(ctx context.Context, s store.Audit, o VerifyOptions) (Report, error) {
	v := &verifier{options: o, claims: map[uuid.UUID]*claims{}}
	if len(bytes.TrimSpace(o.Checkpoint)) > 0 {
		c, what, err := parseLine(o.Checkpoint)
		if err != nil {
			return Report{}, err
		}
		v.offHost, v.offHostSays = &c, what
	}
	err := s.AuditSnapshot(ctx, func(view store.AuditView) error { return v.run(ctx, view) })
	if err != nil {
		return v.report, fmt.Errorf("audit: verify: %w", err)
	}
	return v.report, nil
}

// claims are what checkpoints say of one chain.
type claims struct {
	// highest is the furthest one of the database's checkpoints, by is that checkpoint.
	// A chain that agrees with it agrees with all before it, since each hash covers
	// what precedes it.
	highest claim
	by      int64
	// offHost is what the checkpoint from off the host says, if it names the chain.
	offHost *claim
	// named says that some checkpoint names the chain, be its signature good or not.
	named bool
}

// verifier is one run of Verify.
type verifier struct {
	options     VerifyOptions
	offHost     *store.AuditCheckpoint
	offHostSays statement
	report      Report
	claims      map[uuid.UUID]*claims
	// newest is the latest time that a good checkpoint states.
	newest time.Time
	linker linker
}

func (v *verifier) run(ctx context.Context, view store.AuditView) error {
	if err := v.checkpoints(ctx, view); err != nil {
		return err
	}
	heads, err := view.Heads()
	if err != nil {
		return v.unlisted(ctx, "heads", err)
	}
	byChain := make(map[uuid.UUID]store.AuditHead, len(heads))
	for _, h := range heads {
		byChain[h.Chain] = h
	}
	chains, err := view.Chains()
	if err != nil {
		return v.unlisted(ctx, "chains", err)
	}
	seen := make(map[uuid.UUID]bool, len(chains))
	for _, chain := range chains {
		if seen[chain] {
			v.report.add(KindUnreadable, chain, 0, "the chain is listed twice: the id stored with some of its rows is no id")
			continue
		}
		seen[chain] = true
		head, found := byChain[chain]
		if err := v.chain(ctx, view, chain, head, found); err != nil {
			return err
		}
		delete(v.claims, chain)
	}
	v.vanished()
	return nil
}

// vanished reports the chains that checkpoints name and that are not there.
func (v *verifier) vanished() {
	gone := make([]uuid.UUID, 0, len(v.claims))
	for chain := range v.claims {
		gone = append(gone, chain)
	}
	slices.SortFunc(gone, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, chain := range gone {
		c := v.claims[chain]
		if c.highest.Sequence > 0 {
			v.report.add(KindChainVanished, chain, c.highest.Sequence,
				"checkpoint %d names %d events of this chain; none is there", c.by, c.highest.Sequence)
		} else if c.offHost != nil {
			v.report.add(KindChainVanished, chain, c.offHost.Sequence,
				"the checkpoint from off the host names %d events of this chain; none is there", c.offHost.Sequence)
		}
	}
}

// of returns what is claimed of a chain.
func (v *verifier) of(chain uuid.UUID) *claims {
	c := v.claims[chain]
	if c == nil {
		c = &claims{}
		v.claims[chain] = c
	}
	return c
}

// unlisted reports that not even the list of a part of the log can be read; what would
// have been found through the list is not looked at.
func (v *verifier) unlisted(ctx context.Context, what string, err error) error {
	if stop(ctx, err) {
		return err
	}
	v.report.add(KindUnreadable, uuid.Nil, 0, "the list of %s cannot be read, so that no event was verified: %v", what, err)
	return nil
}

// stop tells whether an error of the view ends the verification. Any other is a
// problem of one part of the log: a row that the database cannot make sense of.
func stop(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, store.ErrUnavailable)
}
