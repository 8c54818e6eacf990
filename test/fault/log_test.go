package fault_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// openStore opens the database of a configuration to look at it.
func openStore(t *testing.T, c app.Config) store.Store {
	t.Helper()
	s, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatalf("the database does not open: %v", err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// wantVerified fails the test unless the audit log verifies without a problem; against
// the off-host checkpoint too, where one is given.
func wantVerified(t *testing.T, dir string, checkpoint ...byte) audit.Report {
	t.Helper()
	return wantVerifiedOf(t, apptest.Config(t, dir), checkpoint...)
}

func wantVerifiedOf(t *testing.T, c app.Config, checkpoint ...byte) audit.Report {
	t.Helper()
	report := verified(t, c, checkpoint...)
	if !report.OK() {
		t.Errorf("the audit log has %d problems, the first: %s", report.ProblemCount, report.Problems[0].Text)
	}
	return report
}

// verified returns what verification finds, whatever that is.
func verified(t *testing.T, c app.Config, checkpoint ...byte) audit.Report {
	t.Helper()
	s := openStore(t, c)
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

// events returns the whole audit log, oldest first.
func events(t *testing.T, c app.Config) []strongroom.Event {
	t.Helper()
	s := openStore(t, c)
	defer s.Close()
	var exported bytes.Buffer
	if err := audit.Export(t.Context(), s, &exported); err != nil {
		t.Fatal(err)
	}
	var all []strongroom.Event
	for d := json.NewDecoder(&exported); d.More(); {
		var line struct{ Event strongroom.Event }
		if err := d.Decode(&line); err != nil {
			t.Fatal(err)
		}
		all = append(all, line.Event)
	}
	return all
}

// wantOnRecord fails the test unless every answer has its allowed read in the log.
func wantOnRecord(t *testing.T, dir string, answers []apptest.Answer) {
	t.Helper()
	wantOnRecordOf(t, apptest.Config(t, dir), answers)
}

func wantOnRecordOf(t *testing.T, c app.Config, answers []apptest.Answer) {
	t.Helper()
	if len(answers) == 0 {
		t.Fatal("no read was answered, so nothing is tested")
	}
	recorded := map[string]bool{}
	for _, e := range events(t, c) {
		if e.Action == strongroom.ActionCredentialRead && e.Outcome == strongroom.OutcomeAllowed {
			recorded[e.RequestID] = true
		}
	}
	for _, a := range answers {
		if id := a.Header.Get("X-Request-ID"); !recorded[id] {
			t.Errorf("the read %q was answered and is not on record", id)
		}
	}
}

// wantRecorded fails the test unless the log has such an event.
func wantRecorded(t *testing.T, dir, what string, is func(strongroom.Event) bool) {
	t.Helper()
	for _, e := range events(t, apptest.Config(t, dir)) {
		if is(e) {
			return
		}
	}
	t.Errorf("the audit log has no event of %s", what)
}
