package rotation_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// try signs in at the real server.
func (p *patient) try(t *testing.T, data secret.Value) strongroom.CheckResult {
	t.Helper()
	if p.method == key {
		return p.far.TestSFTP(t.Context(), data, "")
	}
	return p.far.TestPostgreSQL(t.Context(), data)
}

// read fetches the secret as a program does.
func (p *patient) read(t *testing.T, s *apptest.Process) secret.Value {
	t.Helper()
	a := s.Do(apptest.Request{Method: http.MethodGet, Path: credentials + p.id.String() + "/credentials", Key: p.lane.key}).Want(t, http.StatusOK)
	return secret.New(a.Body)
}

// wantReadable: before the rotation goes on, a reader gets what opens the server.
func (p *patient) wantReadable(t *testing.T, s *apptest.Process) {
	t.Helper()
	if r := p.try(t, p.read(t, s)); !r.Success {
		t.Errorf("what a reader is given after the kill does not open: %s", r.Message)
	}
}

// rotation is what the API says of one.
type rotation struct {
	State strongroom.RotationState `json:"state"`
	// Code and Message are empty where nothing failed.
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (p *patient) rotations(t *testing.T, s *apptest.Process) (all []rotation) {
	t.Helper()
	s.Do(apptest.Request{Method: http.MethodGet, Path: credentials + p.id.String() + "/rotations", Token: p.user}).Want(t, http.StatusOK).Into(t, &all)
	return all
}

// settle waits until the rotation has come to its end by itself: three minutes at most, since
// each step that fails on a busy machine is put off. One that no process has begun is begun now.
func (p *patient) settle(t *testing.T, s *apptest.Process) {
	t.Helper()
	if len(p.rotations(t, s)) == 0 {
		s.Do(apptest.Request{Method: http.MethodPost, Path: credentials + p.id.String() + "/rotate", Token: p.user}).Want(t, http.StatusOK)
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range 3600 {
		if all := p.rotations(t, s); !all[0].State.Active() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("the rotation does not end: %+v", p.rotations(t, s))
}

// judge: every rotation is done, what is stored opens, and what was stored at first does
// not any more, but for the other one of two roles.
func (p *patient) judge(t *testing.T, s *apptest.Process) {
	t.Helper()
	for _, r := range p.rotations(t, s) {
		if r.State != strongroom.RotationDone {
			t.Errorf("a rotation is %s", r.State)
		}
	}
	data := p.read(t, s)
	if r := p.try(t, data); !r.Success {
		t.Errorf("what is stored does not open: %s", r.Message)
	}
	switch old := p.try(t, p.original); {
	case p.method == roles:
		other, ok := far.Alternate(data)
		if !ok || !p.try(t, other).Success {
			t.Error("what is stored for the other role does not open")
		}
	case old.Success:
		t.Error("the old secret still opens")
	}
	if p.method == key {
		p.wantOneKey(t, data)
	}
}

// wantOneKey: in authorized_keys there is the new key, and what was there before the round.
func (p *patient) wantOneKey(t *testing.T, data secret.Value) {
	t.Helper()
	public, err := far.PublicOf(data)
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(p.ssh.AuthorizedKeys)
	if err != nil {
		t.Fatal(err)
	}
	ours, ok := strings.CutPrefix(string(file), p.others)
	if !ok || strings.Count(ours, "\n") != 1 || !strings.HasPrefix(ours, public) {
		t.Errorf("authorized_keys has %d lines more than before, the old ones untouched: %v", strings.Count(ours, "\n"), ok)
	}
}

// wantNoSecret: the processes have written none of the secrets.
func (p *patient) wantNoSecret(t *testing.T) {
	t.Helper()
	var members map[string]any
	if err := json.Unmarshal(p.original.Reveal(), &members); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"password", "alternate_password", "private_key_data"} {
		if hidden, ok := members[name].(string); ok && strings.Contains(p.written.String(), hidden) {
			t.Errorf("%s is in the log", name)
		}
	}
}

// wantOnRecord: the lane's audit log verifies, no credential is in doubt, and each has as
// many promotions on record as its version says.
func (l *lane) wantOnRecord(t *testing.T) {
	t.Helper()
	c := apptest.Config(t, l.dir)
	s, err := app.OpenStore(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	options, err := app.Verification(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	report, err := audit.Verify(t.Context(), s, options)
	if err != nil {
		t.Fatal(err)
	}
	if !report.OK() {
		t.Errorf("the audit log has %d problems, the first: %s", report.ProblemCount, report.Problems[0].Text)
	}
	for _, id := range l.rotated {
		if id == uuid.Nil {
			continue
		}
		credential, err := s.Credential(t.Context(), l.organization, id)
		if err != nil {
			t.Fatal(err)
		}
		if credential.Rotation.InDoubt {
			t.Errorf("credential %s is still in doubt", id)
		}
		records, err := s.ListEvents(t.Context(), l.organization, strongroom.EventQuery{Limit: 1000, CredentialID: id, Action: strongroom.ActionCredentialRotate})
		if err != nil {
			t.Fatal(err)
		}
		promoted := 0
		for _, r := range records {
			var e strongroom.Event
			if err := json.Unmarshal(r.Body, &e); err != nil {
				t.Fatal(err)
			}
			if e.Note == "promoted" {
				promoted++
			}
		}
		if int64(promoted)+1 != credential.Version {
			t.Errorf("credential %s is at version %d, and %d promotions are on record", id, credential.Version, promoted)
		}
	}
}
