package audit_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// sink keeps lines, or fails after taking a part.
type sink struct {
	bytes.Buffer
	err error
}

func (s *sink) Write(p []byte) (int, error) {
	if s.err != nil {
		n, _ := s.Buffer.Write(p[:len(p)/2])
		return n, s.err
	}
	return s.Buffer.Write(p)
}

func TestCheckpointsAreWrittenAtTheirIntervalWhenAHeadMoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		count := func() int { synctest.Wait(); return len(m.snapshot().checkpoints) }
		if got := count(); got != 1 {
			t.Fatalf("%d checkpoints after opening, want 1", got)
		}
		<-time.After(time.Hour)
		if got := count(); got != 1 {
			t.Errorf("%d checkpoints after an idle hour, want 1", got)
		}
		mustRecord(t, l, "one")
		if got := count(); got != 1 {
			t.Errorf("%d checkpoints before the interval is over, want 1", got)
		}
		<-time.After(15 * time.Minute)
		if got := count(); got != 2 {
			t.Errorf("%d checkpoints after the interval, want 2", got)
		}
		closeLog(t, l)
		if got := count(); got != 3 {
			t.Errorf("%d checkpoints after closing, want 3", got)
		}
		mustBeWhole(t, m)
	})
}

func TestACheckpointNamesTheHeadsThatMovedAndTheCheckpointBefore(t *testing.T) {
	m := newMemory()
	var off sink
	a := open(t, m)
	b := open(t, m, func(o *audit.Options) { o.CheckpointSink = &off })
	mustRecord(t, a, "one", "two")
	if err := b.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	kept := m.snapshot()
	var body struct {
		Sequence int64
		Time     time.Time
		Previous string
		Heads    []struct {
			Chain    string
			Sequence int64
			Hash     string
		}
	}
	last := kept.checkpoints[len(kept.checkpoints)-1]
	if err := json.Unmarshal(last.Body, &body); err != nil {
		t.Fatal(err)
	}
	before := sha256.Sum256(kept.checkpoints[len(kept.checkpoints)-2].Body)
	if body.Sequence != 3 || body.Previous != hex.EncodeToString(before[:]) || !body.Time.Equal(last.CreatedAt) {
		t.Errorf("body is %s", last.Body)
	}
	head := kept.heads[kept.records[0].Chain]
	if len(body.Heads) != 1 || body.Heads[0].Chain != head.Chain.String() || body.Heads[0].Sequence != 3 || body.Heads[0].Hash != hex.EncodeToString(head.Hash[:]) {
		t.Errorf("heads are %+v, want the moved one alone", body.Heads)
	}

	lines := strings.Split(strings.TrimSpace(off.String()), "\n")
	var line struct {
		KeyID     string `json:"key_id"`
		Signature []byte
		Body      string
	}
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &line); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || line.KeyID != keyID.String() || line.Body != string(last.Body) || !bytes.Equal(line.Signature, last.Signature) {
		t.Errorf("off the host are %q", lines)
	}
	closeLog(t, a)
	closeLog(t, b)
	mustBeWhole(t, m)
}

func TestASequenceThatAnotherTookIsTriedAgain(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	mustRecord(t, l, "one")
	conflicts := 0
	m.setFault(func(s stage) error {
		if s == atCheckpoint && conflicts < 3 {
			conflicts++
			return store.ErrDuplicate
		}
		return nil
	})
	if err := l.Checkpoint(t.Context()); err != nil || conflicts != 3 {
		t.Errorf("Checkpoint = %v after %d conflicts", err, conflicts)
	}
	m.setFault(func(s stage) error {
		if s == atCheckpoint {
			return store.ErrDuplicate
		}
		return nil
	})
	mustRecord(t, l, "two")
	if err := l.Checkpoint(t.Context()); !errors.Is(err, store.ErrDuplicate) {
		t.Errorf("Checkpoint = %v, want the conflict that does not end", err)
	}
	m.failAt()
	closeLog(t, l)
	mustBeWhole(t, m)
}

func TestASinkThatFailsStopsNothingAndGetsTheNewestLineLater(t *testing.T) {
	m := newMemory()
	broken := errors.New("pipe is closed")
	off := &sink{err: broken}
	var logged bytes.Buffer
	l := open(t, m, func(o *audit.Options) {
		o.CheckpointSink, o.Log = off, slog.New(slog.NewTextHandler(&logged, nil))
	})
	mustRecord(t, l, "one")
	if err := l.Checkpoint(t.Context()); !errors.Is(err, broken) {
		t.Errorf("Checkpoint = %v, want the sink's error", err)
	}
	if l.Err() != nil {
		t.Errorf("Err = %v: events are still kept", l.Err())
	}
	if !strings.Contains(logged.String(), "pipe is closed") {
		t.Errorf("the log says nothing of the sink: %s", &logged)
	}
	off.err = nil
	if err := l.Checkpoint(t.Context()); err != nil {
		t.Errorf("Checkpoint = %v with the sink back", err)
	}
	lines := strings.Split(strings.TrimSpace(off.String()), "\n")
	r := verify(t, m, audit.VerifyOptions{Checkpoint: []byte(lines[len(lines)-1])})
	if !r.OK() || r.Checkpoints != 2 {
		t.Errorf("report is %+v", r)
	}
	if err := l.Checkpoint(t.Context()); err != nil || strings.Count(off.String(), lines[len(lines)-1]) != 1 {
		t.Errorf("Checkpoint = %v; the line must be sent once", err)
	}
	closeLog(t, l)
}

func TestACheckpointWaitsNoLongerThanItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMemory()
		l := open(t, m)
		mustRecord(t, l, "one")
		g := hold(m)
		first := make(chan error, 1)
		go func() { first <- l.Checkpoint(context.Background()) }()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Checkpoint(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Checkpoint = %v, want DeadlineExceeded", err)
		}
		g.open()
		if err := <-first; err != nil {
			t.Error(err)
		}
		closeLog(t, l)
	})
}

func TestARunningProcessLeavesAGapWhereItsCheckpointWasRemoved(t *testing.T) {
	m := newMemory()
	l := open(t, m)
	mustRecord(t, l, "one")
	if err := l.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.edit(func(c *contents) {
		c.checkpoints = c.checkpoints[:1]
		c.named[c.records[0].Chain] = 1
	})
	closeLog(t, l)
	r := verify(t, m, audit.VerifyOptions{})
	if got := fmt.Sprint(r.Problems); r.ProblemCount != 1 || r.Problems[0].Kind != audit.KindCheckpointRemoved || r.Problems[0].Sequence != 2 {
		t.Errorf("problems are %s, want checkpoint 2 removed", got)
	}
}
