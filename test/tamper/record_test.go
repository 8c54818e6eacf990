package tamper_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
)

const (
	credentials = "/api/integrations/credentials"
	plaintext   = "plain-to-see"
)

// tenant is an organization with two credentials.
type tenant struct {
	organization  uuid.UUID
	user, key     string
	first, second uuid.UUID
}

func newTenant(t *testing.T, s *apptest.Service) tenant {
	t.Helper()
	n := tenant{organization: uuid.New()}
	n.user = s.UserToken(n.organization, uuid.New(), strongroom.RoleOrgAdmin)
	_, n.key = s.ServiceAccount(n.organization, "worker")
	n.first, n.second = n.create(t, s), n.create(t, s)
	return n
}

func (n tenant) create(t *testing.T, s *apptest.Service) uuid.UUID {
	t.Helper()
	var c api.Credential
	s.Do(apptest.Request{Method: http.MethodPost, Path: credentials, Token: n.user, Body: api.CreateCredential{
		Name: "credential", Provider: "api_credential", CredentialType: "api_key", Credentials: api.SecretObject(`{"api_key":"` + plaintext + `"}`),
	}}).Want(t, http.StatusCreated).Into(t, &c)
	return uuid.MustParse(c.ID)
}

func (n tenant) read(s *apptest.Service, id uuid.UUID) apptest.Answer {
	return s.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id.String() + "/credentials", Key: n.key})
}

func (n tenant) wantOpens(t *testing.T, s *apptest.Service, id uuid.UUID) {
	t.Helper()
	if a := n.read(s, id).Want(t, http.StatusOK); !strings.Contains(string(a.Body), plaintext) {
		t.Fatal("the door does not give out what was stored")
	}
}

// hand is somebody who can write to the database file.
type hand struct{ *sqlite.Conn }

func openHand(t *testing.T, path string) hand {
	t.Helper()
	c, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	h := hand{c}
	h.run(t, "PRAGMA synchronous = OFF")
	h.run(t, "PRAGMA busy_timeout = 10000")
	return h
}

// run runs a statement; values are bound to its question marks.
func (h hand) run(t *testing.T, query string, values ...any) {
	t.Helper()
	for i, v := range values {
		if id, ok := v.(uuid.UUID); ok {
			values[i] = id[:]
		}
	}
	if err := sqlitex.Execute(h.Conn, query, &sqlitex.ExecOptions{Args: values}); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// sealed returns a credential's record.
func (h hand) sealed(t *testing.T, id uuid.UUID) (record []byte) {
	t.Helper()
	err := sqlitex.Execute(h.Conn, "SELECT sealed FROM credentials WHERE id = ?", &sqlitex.ExecOptions{
		Args: []any{id[:]},
		ResultFunc: func(row *sqlite.Stmt) error {
			record = make([]byte, row.ColumnLen(0))
			row.ColumnBytes(0, record)
			return nil
		},
	})
	if err != nil || len(record) == 0 {
		t.Fatalf("there is no record of %s: %v", id, err)
	}
	return record
}

func (h hand) put(t *testing.T, id uuid.UUID, record []byte) {
	t.Helper()
	h.run(t, "UPDATE credentials SET sealed = ? WHERE id = ?", record, id)
}

// wantRefused fails the test unless the answer refuses a record that does not open.
func wantRefused(t *testing.T, what string, a apptest.Answer) {
	t.Helper()
	wantRefusedAs(t, what, a, http.StatusInternalServerError, "internal_error")
}

func wantRefusedAs(t *testing.T, what string, a apptest.Answer, status int, code string) {
	t.Helper()
	a.WantError(t, status, code)
	if bytes.Contains(a.Body, []byte(plaintext)) || a.Header.Get("ETag") != "" {
		t.Errorf("%s: the refusal gives something out", what)
	}
}

// wantLogged fails the test unless the operator's log says which credential the request
// wanted and why it does not open.
func wantLogged(t *testing.T, s *apptest.Service, a apptest.Answer, id uuid.UUID, why string) {
	t.Helper()
	for line := range strings.Lines(s.Logs.String()) {
		var entry struct {
			RequestID string `json:"request_id"`
			Level     string
			Error     string
		}
		if err := json.Unmarshal([]byte(line), &entry); err != nil {
			t.Fatal(err)
		}
		if entry.RequestID != a.Header.Get("X-Request-ID") {
			continue
		}
		if entry.Level != "ERROR" || !strings.Contains(entry.Error, id.String()) || !strings.Contains(entry.Error, why) {
			t.Errorf("the log does not name the credential %s and say %q: %s", id, why, line)
		}
		return
	}
	t.Error("the log says nothing of the request")
}

// wantFailed fails the test unless the organization's audit log has exactly these reads
// as failed.
func wantFailed(t *testing.T, s *apptest.Service, n tenant, answers []apptest.Answer) {
	t.Helper()
	failed := map[string]bool{}
	for next := ""; ; {
		var page api.AuditEvents
		s.Do(apptest.Request{Method: http.MethodGet, Path: "/api/audit/events?limit=1000&action=credential.read&outcome=failed" + next, Token: n.user}).
			Want(t, http.StatusOK).Into(t, &page)
		for _, e := range page.Events {
			if e.RequestID == nil || e.CredentialID == nil || e.Reason == nil || *e.Reason != "internal_error" {
				t.Fatalf("a failed read is on record without request, credential or reason: %+v", e)
			}
			failed[*e.RequestID] = true
		}
		if page.Next == nil {
			break
		}
		next = fmt.Sprintf("&before=%d", *page.Next)
	}
	for _, a := range answers {
		if !failed[a.Header.Get("X-Request-ID")] {
			t.Errorf("the read %s is not on record as failed", a.Header.Get("X-Request-ID"))
		}
	}
	if len(failed) != len(answers) {
		t.Errorf("%d reads are on record as failed, want %d", len(failed), len(answers))
	}
}

func TestOneChangedBitAnywhereInARecord(t *testing.T) {
	s := apptest.Start(t, nil)
	n := newTenant(t, s)
	h := openHand(t, s.DatabasePath())
	record := h.sealed(t, n.first)
	var refused []apptest.Answer
	for bit := range len(record) * 8 {
		changed := bytes.Clone(record)
		changed[bit/8] ^= 1 << (bit % 8)
		h.put(t, n.first, changed)
		a := n.read(s, n.first)
		wantRefused(t, fmt.Sprintf("bit %d", bit), a)
		refused = append(refused, a)
	}
	h.put(t, n.first, record)
	n.wantOpens(t, s, n.first)
	wantLogged(t, s, refused[len(refused)-1], n.first, "it was changed, or belongs elsewhere")
	wantFailed(t, s, n, refused)
}

func TestRecordsInThePlaceOfOthers(t *testing.T) {
	s := apptest.Start(t, nil)
	victim, thief := newTenant(t, s), newTenant(t, s)
	h := openHand(t, s.DatabasePath())
	record, own := h.sealed(t, victim.first), h.sealed(t, thief.first)
	update := func() {
		s.Do(apptest.Request{Method: http.MethodPatch, Path: credentials + "/" + thief.first.String(), Token: thief.user, Body: api.UpdateCredential{
			CredentialType: "api_key", Credentials: api.SecretObject(`{"api_key":"` + plaintext + `"}`),
		}}).Want(t, http.StatusOK)
	}
	refused := map[uuid.UUID][]apptest.Answer{}
	for _, c := range []struct {
		name string
		// do returns the tenant and the credential that is then asked for.
		do  func() (tenant, uuid.UUID)
		why string
	}{
		{"into another organization's credential", func() (tenant, uuid.UUID) { h.put(t, thief.first, record); return thief, thief.first }, "belongs elsewhere"},
		{"into another credential of the organization", func() (tenant, uuid.UUID) { h.put(t, victim.second, record); return victim, victim.second }, "belongs elsewhere"},
		{"an old version into the row of a newer", func() (tenant, uuid.UUID) { update(); h.put(t, thief.first, own); return thief, thief.first }, "belongs elsewhere"},
		{"a row that claims another version", func() (tenant, uuid.UUID) {
			h.run(t, "UPDATE credentials SET version = version + 1 WHERE id = ?", thief.second)
			return thief, thief.second
		}, "belongs elsewhere"},
		{"a whole row moved to another organization", func() (tenant, uuid.UUID) {
			h.run(t, "UPDATE credentials SET organization_id = ? WHERE id = ?", thief.organization, victim.first)
			return thief, victim.first
		}, "belongs elsewhere"},
		{"a record that is cut off", func() (tenant, uuid.UUID) { h.put(t, thief.first, record[:20]); return thief, thief.first }, "belongs elsewhere"},
		{"no record at all", func() (tenant, uuid.UUID) { h.put(t, thief.first, []byte{}); return thief, thief.first }, "belongs elsewhere"},
		{"a key version that nobody made", func() (tenant, uuid.UUID) {
			unknown := bytes.Clone(own)
			unknown[8] = 2
			h.put(t, thief.first, unknown)
			return thief, thief.first
		}, "key that does not exist"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n, id := c.do()
			a := n.read(s, id)
			wantRefused(t, c.name, a)
			wantLogged(t, s, a, id, c.why)
			refused[n.organization] = append(refused[n.organization], a)
		})
	}
	wantFailed(t, s, victim, refused[victim.organization])
	wantFailed(t, s, thief, refused[thief.organization])
}

func TestOrganizationKeysInThePlaceOfOthers(t *testing.T) {
	s := apptest.Start(t, nil)
	victim, thief := newTenant(t, s), newTenant(t, s)
	stop := func() {
		t.Helper()
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		name, query, why string
		status           int
		code             string
	}{
		{"another organization's key", "UPDATE organization_keys SET wrapped = (SELECT wrapped FROM organization_keys WHERE organization_id = ?) WHERE organization_id = ?", "belongs elsewhere", 500, "internal_error"},
		{"a key of another root", "UPDATE organization_keys SET root_fingerprint = 'local:' || hex(?) WHERE organization_id = ?", "wrong root key", 503, "key_unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			stop()
			h := openHand(t, s.DatabasePath())
			h.run(t, c.query, victim.organization, thief.organization)
			s.Open(nil)
			a := thief.read(s, thief.first)
			wantRefusedAs(t, c.name, a, c.status, c.code)
			wantLogged(t, s, a, thief.first, c.why)
			victim.wantOpens(t, s, victim.first)
			wantFailed(t, s, victim, nil)
		})
	}
}
