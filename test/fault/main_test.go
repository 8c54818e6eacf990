package fault_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

func TestMain(m *testing.M) { apptest.Main(m, app.Run) }

const (
	credentials = "/api/integrations/credentials"
	// plaintext is part of every secret that these tests store, and of nothing else.
	plaintext = "plain-to-see"
)

// tenant is an organization with a user who stores credentials and a program that
// fetches them.
type tenant struct {
	client    *apptest.Client
	user, key string
}

// newTenant makes an organization over the API.
func newTenant(c *apptest.Client) tenant {
	c.T.Helper()
	organization := uuid.New()
	return tenant{client: c, user: c.UserToken(organization, uuid.New(), strongroom.RoleAppUser), key: c.APIKey(organization, "worker")}
}

// secretData is a credential's data that is told apart by its label; compact, as the
// service gives it out.
func secretData(label string) string {
	return fmt.Sprintf(`{"host":"sftp.example.com","username":"upload","password":"%s-%s"}`, plaintext, label)
}

func (n tenant) create(name, data string) (apptest.Answer, error) {
	return n.client.Try(apptest.Request{Method: http.MethodPost, Path: credentials, Token: n.user, Body: createBody(name, data)})
}

func createBody(name, data string) api.CreateCredential {
	return api.CreateCredential{Name: name, Provider: "sftp", CredentialType: "user_password", Credentials: api.SecretObject(data)}
}

func (n tenant) update(id, data string) (apptest.Answer, error) {
	return n.client.Try(apptest.Request{Method: http.MethodPatch, Path: credentials + "/" + id, Token: n.user,
		Body: api.UpdateCredential{CredentialType: "user_password", Credentials: api.SecretObject(data)}})
}

func (n tenant) remove(id string) (apptest.Answer, error) {
	return n.client.Try(apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + id, Token: n.user})
}

// read fetches the decrypted data.
func (n tenant) read(id string) (apptest.Answer, error) {
	return n.client.Try(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: n.key})
}

// mustCreate stores a credential and returns its id.
func (n tenant) mustCreate(t *testing.T, name, data string) string {
	t.Helper()
	return createdID(t, must(t)(n.create(name, data)))
}

func createdID(t *testing.T, a apptest.Answer) string {
	t.Helper()
	var c api.Credential
	a.Want(t, http.StatusCreated).Into(t, &c)
	return c.ID
}

// wantData reads the credential and fails the test unless it is there with the data.
func (n tenant) wantData(t *testing.T, id, data string) apptest.Answer {
	t.Helper()
	a := must(t)(n.read(id)).Want(t, http.StatusOK)
	if string(a.Body) != data {
		t.Fatalf("the credential opens to something else than was stored")
	}
	return a
}

// must fails the test where no whole answer came.
func must(t *testing.T) func(apptest.Answer, error) apptest.Answer {
	return func(a apptest.Answer, err error) apptest.Answer {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

// wantUnavailable fails the test unless the answer is a 503 of the code, says when to
// come back and gives nothing out.
func wantUnavailable(t *testing.T, a apptest.Answer, code strongroom.Code) {
	t.Helper()
	a.WantError(t, http.StatusServiceUnavailable, string(code))
	if a.Header.Get("Retry-After") == "" {
		t.Error("a 503 does not say when to come back")
	}
	if strings.Contains(string(a.Body), plaintext) {
		t.Error("a refusal holds plaintext")
	}
}

// becomesReady fails the test unless the service says after a while, by itself, that it
// can do its work again.
func becomesReady(t *testing.T, c *apptest.Client) {
	t.Helper()
	eventually(t, "/readyz answers 200", func() bool {
		return c.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Status == http.StatusOK
	})
}

// eventually looks again and again whether something has come true where no signal tells.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for range 1500 {
		if holds() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("it never came true that %s", what)
}

// wantNotReady fails the test unless /readyz says that the database is unavailable, and
// why in these words.
func wantNotReady(t *testing.T, c *apptest.Client, words string) {
	t.Helper()
	var health api.Health
	a := c.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Want(t, http.StatusServiceUnavailable)
	if err := json.Unmarshal(a.Body, &health); err != nil {
		t.Fatal(err)
	}
	for _, check := range health.Checks {
		if check.Name == "database" && check.Status == "unavailable" && check.Reason != nil && strings.Contains(*check.Reason, words) {
			return
		}
	}
	t.Errorf("/readyz does not say that the database is unavailable because of %q: %s", words, a.Body)
}
