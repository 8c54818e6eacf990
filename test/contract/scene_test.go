package contract_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/store/postgres/postgrestest"
)

// object is JSON as a client sees it.
type object = map[string]any

// canary begins every secret value that these tests send.
const canary = "canary5ecret-"

const (
	credentialsPath = "/api/integrations/credentials"
	accountsPath    = "/api/service-accounts"
	eventsPath      = "/api/audit/events"
)

// scene is a running service with two organizations in it.
type scene struct {
	*apptest.Service
	t           testing.TB
	document    *document
	here, there organization
}

// organization has one user of each kind that matters, and no credential yet.
type organization struct {
	id uuid.UUID
	// admin is an org_admin; owner and other are app_users.
	admin, owner, other who
}

// who is a caller: with a JWT, or an API key and the organization that it names.
type who struct {
	id                uuid.UUID
	token, key, names string
}

var anonymous = who{}

// start starts a service; edit changes its configuration, nil leaves it as it comes. Each
// has a directory and a port of its own, so that tests run side by side.
func start(t testing.TB, edit func(*app.Config)) *scene {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel()
	}
	return newScene(t, apptest.Start(t, edit))
}

// onEither runs a test over either database: what a client sees is the same. Starting is
// start's.
func onEither(t *testing.T, edit func(*app.Config), test func(*testing.T, *scene)) {
	t.Helper()
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) { test(t, start(t, edit)) })
	t.Run("PostgreSQL", func(t *testing.T) {
		database := postgrestest.New(t).Database(t)
		test(t, start(t, func(c *app.Config) {
			if edit != nil {
				edit(c)
			}
			c.DatabaseURL = database.URL
		}))
	})
}

func newScene(t testing.TB, service *apptest.Service) *scene {
	t.Helper()
	s := &scene{Service: service, t: t, document: openDocument(t, service)}
	s.here, s.there = s.organization(), s.organization()
	t.Cleanup(func() {
		logs := s.Logs.String()
		if strings.Contains(logs, canary) || wholeKey.MatchString(logs) {
			t.Error("the log holds a secret")
		}
	})
	return s
}

// on returns the scene for a subtest.
func (s *scene) on(t testing.TB) *scene {
	c := *s
	c.t = t
	return &c
}

func (s *scene) organization() organization {
	o := organization{id: uuid.New()}
	o.admin = s.user(o.id, strongroom.RoleOrgAdmin)
	o.owner = s.user(o.id, strongroom.RoleAppUser)
	o.other = s.user(o.id, strongroom.RoleAppUser)
	return o
}

func (s *scene) user(organization uuid.UUID, role strongroom.Role) who {
	id := uuid.New()
	return who{id: id, token: s.UserToken(organization, id, role)}
}

// account makes a service account of the organization with one key.
func (s *scene) account(organization uuid.UUID, grants ...strongroom.Grant) who {
	s.t.Helper()
	a, key := s.ServiceAccount(organization, "account "+uuid.NewString(), grants...)
	return who{id: a.ID, key: key}
}

// system makes a system service account that names the organization with each request.
func (s *scene) system(organization string) who {
	w := s.account(uuid.Nil)
	w.names = organization
	return w
}

// call sends a request by the caller.
func (s *scene) call(w who, method, path string, body any) apptest.Answer {
	s.t.Helper()
	return s.send(w.sign(apptest.Request{Method: method, Path: path, Body: body}))
}

func (s *scene) get(w who, path string) apptest.Answer {
	s.t.Helper()
	return s.call(w, http.MethodGet, path, nil)
}

// with is call with headers, as pairs of name and value.
func (s *scene) with(w who, method, path string, body any, headers ...string) apptest.Answer {
	s.t.Helper()
	r := w.sign(apptest.Request{Method: method, Path: path, Body: body})
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	return s.send(r)
}

// sign puts the caller's credential into a request.
func (w who) sign(r apptest.Request) apptest.Request {
	r.Token, r.Key = w.token, w.key
	if r.Header == nil {
		r.Header = http.Header{}
	}
	if w.names != "" {
		r.Header.Set("X-Organization-ID", w.names)
	}
	return r
}

// sftp is the body that stores an SFTP password.
func sftp(name, password string) object {
	return object{"name": name, "provider": "sftp", "credential_type": "user_password", "credentials": object{
		"host": "127.0.0.1", "username": "upload", "password": canary + password}}
}

// google is the body that stores OAuth tokens.
func google(name string) object {
	return object{"name": name, "provider": "google", "credential_type": "google_oauth", "credentials": object{
		"access_token": canary + "access", "refresh_token": canary + "refresh", "token_type": "Bearer",
		"expires_at": "2031-01-02T15:04:05Z", "scope": "openid email", "email": "person@example.com"}}
}

// replacement is the body that replaces an SFTP password.
func replacement(password string) object {
	return object{"credential_type": "user_password", "credentials": sftp("", password)["credentials"]}
}

// store stores a credential and returns its id.
func (s *scene) store(w who, body object) string {
	s.t.Helper()
	return text(s.t, s.object(s.call(w, http.MethodPost, credentialsPath, body), http.StatusCreated), "id")
}

// object returns the body of an answer that must have the status.
func (s *scene) object(a apptest.Answer, status int) object {
	s.t.Helper()
	var o object
	a.Want(s.t, status).Into(s.t, &o)
	return o
}

// list returns the body of an answer that must be a list.
func (s *scene) list(a apptest.Answer) []object {
	s.t.Helper()
	var l []object
	a.Want(s.t, http.StatusOK).Into(s.t, &l)
	if l == nil {
		s.t.Fatal("the list is null")
	}
	return l
}

// opened returns the secret data of a credential as a service account reads it.
func (s *scene) opened(w who, id string) object {
	s.t.Helper()
	return s.object(s.get(w, credentialsPath+"/"+id+"/credentials"), http.StatusOK)
}

// values returns one field of each object.
func values(list []object, field string) []any {
	out := []any{}
	for _, o := range list {
		out = append(out, o[field])
	}
	return out
}

func text(t testing.TB, o object, field string) string {
	t.Helper()
	v, ok := o[field].(string)
	if !ok {
		t.Fatalf("%s is %v, want a string", field, o[field])
	}
	return v
}

func clockTime(t testing.TB, o object, field string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339Nano, text(t, o, field))
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// want compares what was got with what is right by their JSON.
func want(t testing.TB, what string, got, right any) {
	t.Helper()
	if g, r := encode(t, got), encode(t, right); g != r {
		t.Errorf("%s is %s, want %s", what, g, r)
	}
}

func encode(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// operator is the caller that stands for the command line.
func operator(organization uuid.UUID) (context.Context, strongroom.Caller) {
	return context.Background(), strongroom.Operator(organization, "")
}
