package audit

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// maxLoose bounds what is kept of damaged links while looking for where they belong.
const maxLoose = 32

// walk is the way through one chain's records.
type walk struct {
	*verifier
	chain uuid.UUID
	head  *store.AuditHead // nil where there is none that is good
	said  *claims

	last   int64 // the sequence of the record before
	at     time.Time
	cursor int64
	action strongroom.Action
	// previous are the hashes that the next link may follow: one where all is well;
	// more behind a damaged link, whose stored hash or whose content may be the
	// original; none behind a gap.
	previous [][32]byte
	// loose are places whose record did not fit, with what it should have followed.
	loose []place
}

type place struct {
	sequence int64
	previous [][32]byte
}

// chain checks one chain against itself, its head and what checkpoints say of it.
func (v *verifier) chain(ctx context.Context, view store.AuditView, id uuid.UUID, head store.AuditHead, found bool) error {
	v.report.Chains++
	w := &walk{verifier: v, chain: id, said: v.of(id), previous: [][32]byte{origin(id).hash}}
	if v.headIsGood(id, head, found) {
		w.head = &head
	}
	for r, err := range view.ChainRecords(id, math.MinInt64) { // a forged one may stand before 1
		if err != nil {
			if stop(ctx, err) {
				return err
			}
			v.report.add(KindUnreadable, id, w.last+1, "the events from %d on cannot be read: %v", w.last+1, err)
			return nil
		}
		v.report.Events++
		w.record(r)
	}
	w.end()
	return nil
}

// headIsGood checks a head by itself.
func (v *verifier) headIsGood(chain uuid.UUID, head store.AuditHead, found bool) bool {
	if !found {
		v.report.add(KindHeadMissing, chain, 0, "the chain has events and no head")
		return false
	}
	switch v.options.check(head.KeyID, headMessage(chain, position{head.Sequence, head.Hash}), head.Signature) {
	case signatureUnknownKey:
		v.report.add(KindHeadUnknownKey, chain, head.Sequence,
			"the head is signed by key %s, which is none of the known ones", head.KeyID)
		return false
	case signatureWrong:
		v.report.add(KindHeadEdited, chain, head.Sequence, "the head is not what key %s signed", head.KeyID)
		return false
	default:
		return true
	}
}

// record checks one record: its place, its link, its columns, and what the head and
// the checkpoints say of it.
func (w *walk) record(r store.AuditRecord) {
	w.place(r)
	w.link(r)
	w.columns(r)
	w.signed(r)
	w.last, w.cursor, w.at = max(w.last, r.Sequence), r.Cursor, r.At
}

// place checks that the record is the next one.
func (w *walk) place(r store.AuditRecord) {
	switch next := w.last + 1; {
	case r.Sequence > next:
		w.report.add(KindEventRemoved, w.chain, next, "%s missing before event %d", span("event", next, r.Sequence-1), r.Sequence)
		w.previous = nil
	case r.Sequence < next:
		w.report.add(KindEventReordered, w.chain, r.Sequence, "event %d stands behind event %d", r.Sequence, w.last)
	}
	if r.Cursor <= w.cursor {
		w.report.add(KindEventReordered, w.chain, r.Sequence,
			"event %d was stored before the one it follows", r.Sequence)
	}
}

// link checks the record's hash against its content and the link before it.
func (w *walk) link(r store.AuditRecord) {
	if w.previous == nil { // behind a gap: nothing to check it against
		w.previous = [][32]byte{r.Hash}
		return
	}
	var computed [32]byte
	for _, p := range w.previous {
		computed = w.linker.hash(w.chain, r.Sequence, p, r.Body)
		if computed == r.Hash {
			w.previous = append(w.previous[:0], r.Hash)
			return
		}
	}
	if from := w.belongs(r); from > 0 {
		w.report.add(KindEventReordered, w.chain, r.Sequence, "event %d stands in the place of event %d", from, r.Sequence)
	} else {
		w.report.add(KindEventEdited, w.chain, r.Sequence,
			"event %d and its hash do not fit the chain: it was edited, or the one before it was", r.Sequence)
	}
	if len(w.loose) < maxLoose {
		w.loose = append(w.loose, place{r.Sequence, slices.Clone(w.previous)})
	}
	w.previous = append(w.previous, r.Hash, computed)
	if excess := len(w.previous) - maxLoose; excess > 0 {
		w.previous = slices.Delete(w.previous, 0, excess)
	}
}

// belongs returns the sequence of the damaged place that the record fits; 0: none.
func (w *walk) belongs(r store.AuditRecord) int64 {
	for _, l := range w.loose {
		for _, p := range l.previous {
			if w.linker.hash(w.chain, l.sequence, p, r.Body) == r.Hash {
				return l.sequence
			}
		}
	}
	return 0
}

// columns checks what is stored beside the body, by which events are looked for.
func (w *walk) columns(r store.AuditRecord) {
	e, err := Decode(r)
	if err != nil {
		w.action = ""
		w.report.add(KindEventEdited, w.chain, r.Sequence, "event %d is not an event's JSON", r.Sequence)
		return
	}
	w.action = e.Action
	if !e.Time.Equal(r.At) {
		w.report.add(KindEventEdited, w.chain, r.Sequence, "the time stored beside event %d is not its own", r.Sequence)
	}
	if e.OrganizationID != r.OrganizationID {
		w.report.add(KindEventEdited, w.chain, r.Sequence, "the organization stored beside event %d is not its own", r.Sequence)
	}
}

// signed checks the record against the signed statements about it.
func (w *walk) signed(r store.AuditRecord) {
	if h := w.head; h != nil {
		if r.Sequence > h.Sequence {
			w.report.add(KindEventUnsigned, w.chain, r.Sequence, "event %d stands behind the signed end of the chain, %d", r.Sequence, h.Sequence)
		}
		if r.Sequence == h.Sequence && r.Hash != h.Hash {
			w.report.add(KindChainRewritten, w.chain, r.Sequence, "event %d is not the one that the head signs", r.Sequence)
		}
	}
	if c := w.said.highest; r.Sequence == c.Sequence && r.Hash != c.Hash {
		w.report.add(KindChainRewritten, w.chain, r.Sequence, "event %d is not the one that checkpoint %d names", r.Sequence, w.said.by)
	}
	if c := w.said.offHost; c != nil && r.Sequence == c.Sequence && r.Hash != c.Hash {
		w.report.add(KindChainRewritten, w.chain, r.Sequence, "event %d is not the one that the checkpoint from off the host names", r.Sequence)
	}
}

// end checks that the chain is as long as the signed statements say.
func (w *walk) end() {
	if h := w.head; h != nil {
		if w.options.expired(h.KeyID, w.at) {
			w.report.add(KindRetiredKey, w.chain, h.Sequence,
				"the head of event %d is signed by key %s, which was retired at %s", h.Sequence, h.KeyID, w.options.Retired[h.KeyID].Format(time.RFC3339))
		}
		if w.last < h.Sequence {
			w.report.add(KindTailCutOff, w.chain, w.last+1,
				"%s cut off: the head names %d events", span("event", w.last+1, h.Sequence), h.Sequence)
		}
		if c := w.said.highest; c.Sequence > h.Sequence {
			w.report.add(KindHeadReplayed, w.chain, h.Sequence,
				"the head names %d events, checkpoint %d named %d: it is an older head", h.Sequence, w.said.by, c.Sequence)
		}
	}
	if c := w.said.highest; w.last < c.Sequence {
		w.report.add(KindTailCutOff, w.chain, w.last+1,
			"%s cut off: checkpoint %d names %d events", span("event", w.last+1, c.Sequence), w.said.by, c.Sequence)
	}
	if c := w.said.offHost; c != nil && w.last < c.Sequence {
		w.report.add(KindTailCutOff, w.chain, w.last+1,
			"%s cut off: the checkpoint from off the host names %d events", span("event", w.last+1, c.Sequence), c.Sequence)
	}
	if w.last > 1 && !w.said.named {
		w.report.add(KindCheckpointRemoved, w.chain, 0,
			"no checkpoint names this chain; one does before a chain gets its second event")
	}
	if w.last > 0 && w.action != strongroom.ActionChainClose {
		w.report.Unclosed = append(w.report.Unclosed, w.chain)
	}
}

// span names one thing or several in a row: "event 3 is", "events 3 to 5 are".
func span(what string, from, to int64) string {
	if from == to {
		return fmt.Sprintf("%s %d is", what, from)
	}
	return fmt.Sprintf("%ss %d to %d are", what, from, to)
}
