package canary_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
)

const credentials = "/api/integrations/credentials"

// spy calls the service and looks into everything that it answers.
type spy struct {
	apptest.Client
	*material
	// admin and stranger are users' tokens of two organizations, key a program's.
	admin, stranger, key string
	// account is the program's.
	account string
	// ids are the stored credentials by what they are for.
	ids map[string]string
	// last is the request id of the last answer.
	last string
}

func newSpy(client apptest.Client, m *material) *spy {
	s := &spy{Client: client, material: m, ids: map[string]string{}}
	s.JWTSecret = m.jwtSecret
	organization := uuid.New()
	s.admin = m.addToken(s.UserToken(organization, uuid.New(), strongroom.RoleOrgAdmin))
	s.stranger = m.addToken(s.UserToken(uuid.New(), uuid.New(), strongroom.RoleOrgAdmin))
	return s
}

// ask makes a call whose answer must not hold a secret.
func (s *spy) ask(t *testing.T, r apptest.Request, status int) apptest.Answer {
	t.Helper()
	a := s.Do(r)
	s.see(t, a)
	return a.Want(t, status)
}

// see looks into an answer.
func (s *spy) see(t *testing.T, a apptest.Answer) {
	t.Helper()
	var header bytes.Buffer
	if err := a.Header.Write(&header); err != nil {
		t.Fatal(err)
	}
	s.last = a.Header.Get("X-Request-ID")
	s.wantClean(t, "the answer's header", header.Bytes())
	s.wantClean(t, "the answer's body", a.Body)
}

// wantClean fails the test where the text holds a secret.
func (s *spy) wantClean(t *testing.T, what string, text []byte) {
	t.Helper()
	if found := s.scanner.find(text); len(found) > 0 {
		t.Errorf("%s holds %s", what, strings.Join(found, ", "))
	}
}

// open goes through the door, which gives out the stored secret and must.
func (s *spy) open(t *testing.T, id string) {
	t.Helper()
	a := s.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: s.key}).Want(t, http.StatusOK)
	if len(s.scanner.find(a.Body)) == 0 {
		t.Error("what the door gives out holds no secret that the scanner knows")
	}
	a.Body = nil
	s.see(t, a)
}

// newKey makes an API key; the answer shows it, this once.
func (s *spy) newKey(t *testing.T) {
	t.Helper()
	var account api.ServiceAccount
	s.ask(t, apptest.Request{Method: http.MethodPost, Path: "/api/service-accounts", Token: s.admin, Body: api.CreateServiceAccount{Name: "worker"}}, http.StatusCreated).Into(t, &account)
	s.account = account.ID
	var key api.IssuedAPIKey
	s.Do(apptest.Request{Method: http.MethodPost, Path: s.keys(), Token: s.admin, Body: api.CreateAPIKey{Name: "key"}}).Want(t, http.StatusCreated).Into(t, &key)
	s.key = s.addAPIKey(string(key.Token), key.TokenPrefix)
}

func (s *spy) keys() string { return "/api/service-accounts/" + s.account + "/api-keys" }

// store stores data and returns the credential's id.
func (s *spy) store(t *testing.T, name string, of stored) string {
	t.Helper()
	var c api.Credential
	s.ask(t, s.create(t, name, of), http.StatusCreated).Into(t, &c)
	return c.ID
}

func (s *spy) create(t *testing.T, name string, of stored) apptest.Request {
	t.Helper()
	return apptest.Request{Method: http.MethodPost, Path: credentials, Token: s.admin,
		Body: api.CreateCredential{Name: name, Provider: of.provider, CredentialType: of.kind, Credentials: of.object(t)}}
}

// raw sends bytes that no client library would, and returns all that is answered.
func (s *spy) raw(t *testing.T, text string) []byte {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatal(err)
	}
	return answer
}

// object returns JSON of a create request with the credentials as they are given.
func object(provider, kind, data string) string {
	provider, kind = string(mustJSON(provider)), string(mustJSON(kind))
	return fmt.Sprintf(`{"name":"abuse","provider":%s,"credential_type":%s,"credentials":%s}`, provider, kind, data)
}

// with returns JSON of an object with a member more.
func with(name string, value any) string {
	encoded, err := json.Marshal(map[string]any{name: value, "host": "sftp.example.com", "username": "upload"})
	if err != nil {
		panic(err) // the values of these tests always encode
	}
	return string(encoded)
}
