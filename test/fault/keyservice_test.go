package fault_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/seal/keyservice/keyservicetest"
)

const vaultToken = "hvs.token-of-the-tests"

// behindTransit starts a service whose root key is in a Transit engine.
func behindTransit(t *testing.T) (*apptest.Service, *keyservicetest.Transit, func(*app.Config)) {
	t.Helper()
	v := keyservicetest.NewTransit(t, vaultToken, "strongroom", "another")
	t.Setenv("VAULT_TOKEN", vaultToken)
	edit := func(c *app.Config) { c.RootKey = v.URL("strongroom") }
	return apptest.Start(t, edit), v, edit
}

// TestTransitAway: the whole service, whose key service is stopped and comes back.
func TestTransitAway(t *testing.T) {
	s, v, edit := behindTransit(t)
	known, unknown, fresh := newTenant(&s.Client), newTenant(&s.Client), newTenant(&s.Client)
	knownID, unknownID := known.mustCreate(t, "known", secretData("known")), unknown.mustCreate(t, "unknown", secretData("unknown"))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s.Open(edit)
	known.wantData(t, knownID, secretData("known"))
	v.Stop()

	before := v.Asked()
	for range 10 {
		known.wantData(t, knownID, secretData("known"))
	}
	must(t)(known.update(knownID, secretData("renewed"))).Want(t, http.StatusOK)
	known.wantData(t, knownID, secretData("renewed"))
	wantUnavailable(t, must(t)(unknown.read(unknownID)), strongroom.CodeKeyUnavailable)
	wantUnavailable(t, must(t)(fresh.create("fresh", secretData("lost"))), strongroom.CodeKeyUnavailable)
	if v.Asked() != before {
		t.Error("the stopped server was reached")
	}

	v.Restart()
	unknown.wantData(t, unknownID, secretData("unknown"))
	fresh.wantData(t, fresh.mustCreate(t, "fresh", secretData("fresh")), secretData("fresh"))
	v.Rotate("strongroom")
	other := newTenant(&s.Client)
	other.wantData(t, other.mustCreate(t, "later", secretData("later")), secretData("later"))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s.Open(edit)
	known.wantData(t, knownID, secretData("renewed"))
	if strings.Contains(s.Logs.String(), vaultToken) {
		t.Error("the log holds the token")
	}
}

// TestAStartWithoutTheKeyServiceWaitsAndSaysSo, in a process of its own.
func TestAStartWithoutTheKeyServiceWaitsAndSaysSo(t *testing.T) {
	v := keyservicetest.NewTransit(t, vaultToken, "strongroom")
	v.Stop()
	dir := t.TempDir()
	p := apptest.Spawn(t, dir, apptest.Prepare(t, dir), []string{"VAULT_TOKEN=" + vaultToken}, "--root-key", v.URL("strongroom"))
	line := p.Wrote("waiting for the key service")
	if !strings.Contains(line, "the connection is refused") {
		t.Errorf("%s: does not say what is wrong", line)
	}
	v.Restart()
	p.Listening()
	n := newTenant(&p.Client)
	n.wantData(t, n.mustCreate(t, "first", secretData("first")), secretData("first"))
	if strings.Contains(p.Output.String(), vaultToken) {
		t.Error("the output holds the token")
	}
}

// TestAWrongRootKeyInTheKeyServiceStopsTheStart at once, with a sentence.
func TestAWrongRootKeyInTheKeyServiceStopsTheStart(t *testing.T) {
	s, v, _ := behindTransit(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	refused := func(says string, edit func(*app.Config)) {
		t.Helper()
		c := apptest.Config(t, s.Dir)
		edit(&c)
		a, err := app.Open(t.Context(), c, "test", s.App.Log)
		if a != nil {
			_ = a.Close(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), vaultToken) {
			t.Errorf("got %v, want an error that says %q", err, says)
		}
	}
	refused("this is not the root key of this database: expected the key with fingerprint hashivault:", func(c *app.Config) { c.RootKey = v.URL("another") })
	refused("this is not the root key of this database", func(*app.Config) {})
	refused("there is no such key", func(c *app.Config) { c.RootKey = v.URL("none") })
	v.Recreate("strongroom")
	refused("does not open with this root key", func(c *app.Config) { c.RootKey = v.URL("strongroom") })
	if err := os.Setenv("VAULT_TOKEN", "expired"); err != nil {
		t.Fatal(err)
	}
	refused("the token is not valid", func(c *app.Config) { c.RootKey = v.URL("strongroom") })
	if strings.Contains(s.Logs.String(), "waiting for the key service") {
		t.Error("a refusal was waited out")
	}
}

// TestACommandGivesUpOnAKeyServiceThatIsAway after a few seconds, with a sentence.
func TestACommandGivesUpOnAKeyServiceThatIsAway(t *testing.T) {
	s, v, edit := behindTransit(t)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	v.Stop()
	c := apptest.Config(t, s.Dir)
	edit(&c)
	if _, err := app.Open(t.Context(), c, "account create", s.App.Log); err == nil || !strings.Contains(err.Error(), "Vault is out of reach: the connection is refused") {
		t.Errorf("got %v, want that the key service is out of reach", err)
	}
	v.Restart()
	a, err := app.Open(t.Context(), c, "account create", s.App.Log)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	if _, err := a.Accounts.Create(t.Context(), strongroom.Operator(uuid.New(), ""), strongroom.NewServiceAccount{Name: "worker"}); err != nil {
		t.Error(err)
	}
}
