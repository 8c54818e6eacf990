package audit_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

func TestVerifyFindsNothingInALogAsItWasWritten(t *testing.T) {
	m := newMemory()
	s := makeScene(t, m)
	for i, line := range s.lines {
		r := verify(t, m, audit.VerifyOptions{Checkpoint: []byte(line)})
		if !r.OK() || r.Chains != 3 || r.Events != 14 || r.Checkpoints != 6 {
			t.Errorf("with checkpoint %d off the host: %+v", i+1, r)
		}
		if len(r.Unclosed) != 1 || r.Unclosed[0] != s.chains[1] {
			t.Errorf("unclosed are %v, want the second chain", r.Unclosed)
		}
	}
	if r := mustBeWhole(t, newMemory()); r.Chains != 0 || r.Events != 0 || r.Checkpoints != 0 {
		t.Errorf("an empty log: %+v", r)
	}
}

func TestEachByteIsCovered(t *testing.T) {
	whole := makeScene(t, newMemory())
	fields := map[string]struct {
		bytes func(*scene) []byte
		chain int
		at    int64
	}{
		"an event's body":         {func(s *scene) []byte { return s.event(0, 4).Body }, 0, 4},
		"an event's hash":         {func(s *scene) []byte { return s.event(0, 4).Hash[:] }, 0, 4},
		"an event's organization": {func(s *scene) []byte { return s.event(0, 4).OrganizationID[:] }, 0, 4},
		"an event's chain":        {func(s *scene) []byte { return s.event(0, 4).Chain[:] }, 0, 4},
		"the last event's body":   {func(s *scene) []byte { return s.event(2, 3).Body }, 2, 3},
		"a checkpoint's body":     {func(s *scene) []byte { return s.checkpoints[2].Body }, -1, 3},
		"a checkpoint's signature": {func(s *scene) []byte {
			return s.checkpoints[2].Signature
		}, -1, 3},
		"a checkpoint's key": {func(s *scene) []byte { return s.checkpoints[2].KeyID[:] }, -1, 3},
		"a head's signature": {func(s *scene) []byte { return s.heads[s.chains[0]].Signature }, 0, 8},
	}
	for name, field := range fields {
		t.Run(name, func(t *testing.T) {
			for i := range field.bytes(whole) {
				spoiled := whole.copy()
				field.bytes(spoiled)[i] ^= 1 << (i % 8)
				r := verify(t, &memory{kept: spoiled.contents}, audit.VerifyOptions{})
				named := false
				for _, p := range r.Problems {
					chain := uuid.Nil
					if field.chain >= 0 {
						chain = whole.chains[field.chain]
					}
					named = named || p.Chain == chain && p.Sequence == field.at
				}
				if !named {
					t.Fatalf("bit %d of byte %d is not named; found %s", i%8, i, describe(r))
				}
			}
		})
	}
}

func TestEachBitOfANumberIsCovered(t *testing.T) {
	whole := makeScene(t, newMemory())
	for name, flip := range map[string]func(*scene, int64){
		"an event's sequence":     func(s *scene, mask int64) { s.event(0, 4).Sequence ^= mask },
		"a checkpoint's sequence": func(s *scene, mask int64) { s.checkpoints[2].Sequence ^= mask },
		"a head's sequence":       func(s *scene, mask int64) { s.head(0, func(h *store.AuditHead) { h.Sequence ^= mask }) },
	} {
		for bit := range 64 {
			spoiled := whole.copy()
			flip(spoiled, 1<<bit)
			if verify(t, &memory{kept: spoiled.contents}, audit.VerifyOptions{}).OK() {
				t.Errorf("%s: bit %d may be flipped", name, bit)
			}
		}
	}
}

func TestAnEventThatStandsBeforeTheFirstIsNamed(t *testing.T) {
	whole := makeScene(t, newMemory())
	for _, sequence := range []int64{0, -1, math.MinInt64} {
		spoiled := whole.copy()
		extra := *spoiled.event(0, 3)
		extra.Sequence = sequence
		spoiled.records = append(spoiled.records, extra)
		r := verify(t, &memory{kept: spoiled.contents}, audit.VerifyOptions{})
		if r.OK() || r.Problems[0].Kind != audit.KindEventReordered || r.Problems[0].Sequence != sequence {
			t.Errorf("%d: found %s", sequence, describe(r))
		}
	}
}

// What no check inside the database can find out is documented; should it change,
// the documentation must.
func TestOnlyACheckpointOffTheHostTellsThatTheWholeLogWasTakenBack(t *testing.T) {
	s := makeScene(t, newMemory())
	back := &memory{kept: s.halfway}
	if r := verify(t, back, audit.VerifyOptions{}); !r.OK() {
		t.Errorf("an earlier state in full is told from within: %s", describe(r))
	}
	if verify(t, back, audit.VerifyOptions{Checkpoint: []byte(s.lines[2])}).OK() {
		t.Error("a later checkpoint from off the host finds nothing")
	}
	if r := verify(t, back, audit.VerifyOptions{Checkpoint: []byte(s.lines[1])}); !r.OK() {
		t.Errorf("the checkpoint of that very state finds %s", describe(r))
	}
}

func TestCheckpointsThatContradictEachOtherAreNamed(t *testing.T) {
	whole := makeScene(t, newMemory())
	for name, test := range map[string]struct {
		claim string
		want  found
	}{
		"about an event": {`"sequence":8,"hash":"` + strings.Repeat("ab", 32) + `"`, found{audit.KindChainRewritten, 0, 8}},
		"about a length": {`"sequence":5,"hash":"` + hex.EncodeToString(whole.event(0, 5).Hash[:]) + `"`, found{audit.KindTailCutOff, 0, 6}},
	} {
		s := whole.copy()
		last := s.checkpoints[5]
		previous := sha256.Sum256(last.Body)
		next := store.AuditCheckpoint{Sequence: 7, KeyID: keyID, CreatedAt: last.CreatedAt, Body: fmt.Appendf(nil,
			`{"sequence":7,"time":%q,"previous":"%x","heads":[{"chain":"%s",%s}]}`,
			last.CreatedAt.Format(time.RFC3339Nano), previous, s.chains[0], test.claim)}
		next.Signature = ed25519.Sign(private, append([]byte("strongroom/audit/checkpoint/v1\x00"), next.Body...))
		s.checkpoints = append(s.checkpoints, next)
		tampering{want: []found{test.want}}.mustFind(t, &memory{kept: s.contents}, s)
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

func TestACheckpointOffTheHostMustBeSignedByAKnownKey(t *testing.T) {
	m := newMemory()
	s := makeScene(t, m)
	line := s.lines[5]
	for name, test := range map[string]struct {
		line string
		want audit.Kind
	}{
		"unknown key":  {strings.Replace(line, keyID.String(), uuid.Max.String(), 1), audit.KindCheckpointUnknownKey},
		"edited":       {strings.Replace(line, `\"sequence\":6`, `\"sequence\":7`, 1), audit.KindCheckpointEdited},
		"no signature": {strings.Replace(line, `"signature":"`, `"signature":"","was":"`, 1), audit.KindCheckpointEdited},
	} {
		r := verify(t, m, audit.VerifyOptions{Checkpoint: []byte(test.line)})
		if r.ProblemCount != 1 || r.Problems[0].Kind != test.want {
			t.Errorf("%s: found %s, want %s alone", name, describe(r), test.want)
		}
	}
}

func TestALineThatIsNoCheckpointIsAnError(t *testing.T) {
	for name, line := range map[string]string{
		"no JSON":                 "checkpoint",
		"another object":          `{"a":1}`,
		"a body that is no JSON":  `{"key_id":"` + keyID.String() + `","signature":"","body":"x"}`,
		"a body without sequence": `{"key_id":"` + keyID.String() + `","signature":"","body":"{}"}`,
		"a head without sequence": `{"key_id":"` + keyID.String() + `","signature":"","body":"{\"sequence\":1,\"heads\":[{}]}"}`,
		"a short hash":            `{"key_id":"` + keyID.String() + `","signature":"","body":"{\"sequence\":1,\"previous\":\"00\"}"}`,
		"two lines":               `{"body":"{\"sequence\":1}"}` + "\n" + `{"body":"{\"sequence\":2}"}`,
		"too long":                strings.Repeat(" ", 16<<20) + "{}",
	} {
		if _, err := audit.Verify(t.Context(), newMemory(), audit.VerifyOptions{Checkpoint: []byte(line)}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestTheListOfProblemsIsBounded(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	for id, err := range recordAll(t.Context(), l, "e", 1500) {
		if err != nil {
			t.Fatalf("%s: %v", id, err)
		}
	}
	closeLog(t, l)
	m.edit(func(c *contents) {
		for i := range c.records {
			c.records[i].OrganizationID = uuid.Max
		}
	})
	r := verify(t, m, audit.VerifyOptions{})
	if r.ProblemCount != 1502 || len(r.Problems) != audit.MaxProblems {
		t.Errorf("%d problems listed of %d", len(r.Problems), r.ProblemCount)
	}
}

// unreadable is a log of which one part cannot be read.
type unreadable struct {
	*memory
	chain       uuid.UUID
	checkpoints bool
	err         error
}

func (u unreadable) AuditSnapshot(_ context.Context, fn func(store.AuditView) error) error {
	return fn(unreadableView{memoryView{u.snapshot()}, u})
}

type unreadableView struct {
	memoryView
	unreadable
}

func (v unreadableView) ChainRecords(chain uuid.UUID, from int64) iter.Seq2[store.AuditRecord, error] {
	if chain != v.chain {
		return v.memoryView.ChainRecords(chain, from)
	}
	return func(yield func(store.AuditRecord, error) bool) { yield(store.AuditRecord{}, v.err) }
}

func (v unreadableView) Checkpoints() iter.Seq2[store.AuditCheckpoint, error] {
	if !v.unreadable.checkpoints {
		return v.memoryView.Checkpoints()
	}
	return func(yield func(store.AuditCheckpoint, error) bool) { yield(store.AuditCheckpoint{}, v.err) }
}

func TestARowThatCannotBeReadIsAProblemAndADatabaseThatCannotIsAnError(t *testing.T) {
	m := newMemory()
	s := makeScene(t, m)
	broken := errors.New("the hash has 31 bytes")
	for name, u := range map[string]unreadable{
		"a chain":     {memory: m, chain: s.chains[0], err: broken},
		"checkpoints": {memory: m, checkpoints: true, err: broken},
	} {
		r := verify(t, u, audit.VerifyOptions{})
		if r.OK() || r.Problems[0].Kind != audit.KindUnreadable || r.Chains != 3 {
			t.Errorf("%s: report is %+v, want it named and the rest verified", name, r)
		}
		u.err = fmt.Errorf("connection lost: %w", store.ErrUnavailable)
		if _, err := audit.Verify(t.Context(), u, audit.VerifyOptions{Keys: keys}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want ErrUnavailable", name, err)
		}
	}
}

func TestExportWritesEveryEventVerbatim(t *testing.T) {
	m := newMemory()
	makeScene(t, m)
	spoiled := []byte("no\njson")
	m.edit(func(c *contents) { c.records[3].Body = spoiled })
	var out bytes.Buffer
	if err := audit.Export(t.Context(), m, &out); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	records := m.snapshot().records
	if len(lines) != len(records) {
		t.Fatalf("%d lines for %d events", len(lines), len(records))
	}
	for i, line := range lines {
		var got struct {
			Cursor   int64
			Chain    uuid.UUID
			Sequence int64
			Hash     string
			Event    json.RawMessage
			Body     string
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		r := records[i]
		if got.Cursor != r.Cursor || got.Chain != r.Chain || got.Sequence != r.Sequence || got.Hash != hex.EncodeToString(r.Hash[:]) {
			t.Errorf("line %d is %s", i, line)
		}
		if i == 3 {
			if body, err := base64.StdEncoding.DecodeString(got.Body); err != nil || !bytes.Equal(body, spoiled) || string(got.Event) != "null" {
				t.Errorf("the spoiled event is %s", line)
			}
		} else if !bytes.Equal(got.Event, r.Body) || got.Body != "" {
			t.Errorf("event %d is %s, want %s", i, got.Event, r.Body)
		}
	}
}

func TestExportSaysThatItCouldNotWrite(t *testing.T) {
	m := newMemory()
	makeScene(t, m)
	full := errors.New("disk full")
	if err := audit.Export(t.Context(), m, &sink{err: full}); !errors.Is(err, full) {
		t.Errorf("Export = %v, want the writer's error", err)
	}
}
