package tamper_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
)

// ended is a service's data directory after some reads and a clean end, with its newest
// checkpoint as it was kept off the host.
type ended struct {
	dir        string
	config     app.Config
	checkpoint []byte
}

func endedService(t *testing.T) ended {
	t.Helper()
	checkpoints := filepath.Join(t.TempDir(), "checkpoints.jsonl")
	s := apptest.Start(t, func(c *app.Config) { c.CheckpointFile = checkpoints })
	n := newTenant(t, s)
	for range 5 {
		n.wantOpens(t, s, n.first)
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	written, err := os.ReadFile(checkpoints)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(written), []byte("\n"))
	return ended{dir: s.Dir, config: apptest.Config(t, s.Dir), checkpoint: lines[len(lines)-1]}
}

// verify verifies a copy of the log after a hand was at it; tamper may be nil.
func (e ended) verify(t *testing.T, checkpoint []byte, tamper func(h hand)) audit.Report {
	t.Helper()
	content, err := os.ReadFile(app.DatabasePath(e.dir))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if tamper != nil {
		h := openHand(t, path)
		// The log defends itself against slips, not against whoever owns the file.
		h.run(t, "DROP TRIGGER audit_events_never_change")
		h.run(t, "DROP TRIGGER audit_events_never_go")
		tamper(h)
	}
	c := e.config
	c.DatabaseURL = "sqlite:" + path
	s, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	options, err := app.Verification(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	options.Checkpoint = checkpoint
	report, err := audit.Verify(t.Context(), s, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestTamperingWithTheLogIsNamed(t *testing.T) {
	e := endedService(t)
	for _, c := range []struct {
		name    string
		queries []string
		// offHost verifies against the checkpoint that was kept off the host.
		offHost bool
		want    audit.Kind
		// sequence is the event's that is named; 0: whichever.
		sequence int64
	}{
		{"a read made to look denied", []string{`UPDATE audit_events SET body = replace(body, '"allowed"', '"denied"') WHERE sequence = 9`}, false, audit.KindEventEdited, 9},
		{"a read moved to another organization's view", []string{`UPDATE audit_events SET organization_id = zeroblob(16) WHERE sequence = 9`}, false, audit.KindEventEdited, 9},
		{"a read removed", []string{`DELETE FROM audit_events WHERE sequence = 9`}, false, audit.KindEventRemoved, 9},
		{"a read removed and the rest moved up", []string{`DELETE FROM audit_events WHERE sequence = 9`, `UPDATE audit_events SET sequence = sequence - 1 WHERE sequence > 9`}, false, audit.KindEventEdited, 9},
		{"two reads exchanged", []string{`UPDATE audit_events SET sequence = 1000 WHERE sequence = 9`, `UPDATE audit_events SET sequence = 9 WHERE sequence = 10`, `UPDATE audit_events SET sequence = 10 WHERE sequence = 1000`}, false, audit.KindEventReordered, 10},
		{"the end cut off", []string{`DELETE FROM audit_events WHERE sequence > 9`}, false, audit.KindTailCutOff, 10},
		{"the end cut off and the head with it", []string{`DELETE FROM audit_events WHERE sequence > 9`, `UPDATE audit_heads SET sequence = 9, hash = (SELECT hash FROM audit_events WHERE sequence = 9)`}, false, audit.KindHeadEdited, 0},
		{"the whole chain removed", []string{`DELETE FROM audit_events`, `DELETE FROM audit_heads`}, false, audit.KindChainVanished, 0},
		{"the chain and its checkpoints removed", []string{`DELETE FROM audit_events`, `DELETE FROM audit_heads`, `DELETE FROM audit_checkpoints`}, true, audit.KindOffHostMissing, 0},
		{"a checkpoint edited", []string{`UPDATE audit_checkpoints SET body = CAST(replace(CAST(body AS TEXT), '"sequence":', '"sequence": ') AS BLOB)`}, false, audit.KindCheckpointEdited, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var checkpoint []byte
			if c.offHost {
				checkpoint = e.checkpoint
			}
			report := e.verify(t, checkpoint, func(h hand) {
				for _, q := range c.queries {
					h.run(t, q)
				}
			})
			if !slices.ContainsFunc(report.Problems, func(p audit.Problem) bool { return p.Kind == c.want && (c.sequence == 0 || p.Sequence == c.sequence) }) {
				t.Errorf("no %s of event %d, but: %+v", c.want, c.sequence, report.Problems)
			}
		})
	}
	t.Run("nothing at all", func(t *testing.T) {
		if report := e.verify(t, e.checkpoint, nil); !report.OK() || report.Chains != 1 || report.Events != 12 || len(report.Unclosed) != 0 {
			t.Errorf("an untouched log does not verify: %+v", report)
		}
	})
}
