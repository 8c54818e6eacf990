package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"strongroom/internal/audit"
	"strongroom/internal/store"
)

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"time":"2026-03-01T12:00:00Z","action":"credential.read","outcome":"allowed","principal_kind":"user"}`))
	f.Add([]byte(`{"time":"2026-03-01T12:00:00.123456Z","organization_id":"0198c0de-0000-7000-8000-0000000000a1","version":7}`))
	f.Add([]byte(`{"organization_id":"x"}`))
	f.Add([]byte(`{"time":1}`))
	f.Add([]byte(`[]`))
	f.Add([]byte("{"))
	f.Add([]byte(nil))
	f.Fuzz(func(t *testing.T, body []byte) {
		e, err := audit.Decode(store.AuditRecord{Sequence: 5, Body: body})
		if err != nil {
			if len(body) > 20 && bytes.Contains([]byte(err.Error()), body) {
				t.Errorf("the error repeats the body: %v", err)
			}
			return
		}
		if e.Sequence != 5 {
			t.Errorf("sequence is %d", e.Sequence)
		}
		again, err := json.Marshal(e.Event)
		if err != nil {
			return // a time that was read in a form that is not written
		}
		if once, err := audit.Decode(store.AuditRecord{Body: again}); err != nil || once.Action != e.Action || once.PrincipalID != e.PrincipalID {
			t.Errorf("decoded again: %+v, %v; want %+v", once, err, e)
		}
	})
}

func FuzzCheckpointLine(f *testing.F) {
	m := newMemory()
	s := makeScene(f, m)
	for _, line := range s.lines {
		f.Add([]byte(line))
	}
	f.Add([]byte(`{"key_id":"` + keyID.String() + `","signature":"AAAA","body":"{\"sequence\":1,\"heads\":[]}"}`))
	f.Add([]byte(`{"body":"{\"sequence\":9223372036854775807,\"heads\":[{\"sequence\":-1}]}"}`))
	f.Add([]byte(`{}`))
	f.Add([]byte("\n\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		r, err := audit.Verify(t.Context(), m, audit.VerifyOptions{Keys: keys, Checkpoint: line})
		if err != nil || !r.OK() || len(bytes.TrimSpace(line)) == 0 {
			return
		}
		// Accepted: then it says, under a good signature, what the service wrote.
		var got struct{ Body string }
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("accepted a line that is no JSON: %v", err)
		}
		for _, c := range s.checkpoints {
			if string(c.Body) == got.Body {
				return
			}
		}
		t.Errorf("accepted a checkpoint that was never written: %s", line)
	})
}
