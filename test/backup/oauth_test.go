package backup_test

import (
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/backup"
	"strongroom/internal/oauth/oauthtest"
)

// TestATokenThatWasRenewedSince: its refresh token was replaced, so the one in the backup is
// dead. The check names it; after the restore it says so by itself, and others just work.
func TestATokenThatWasRenewedSince(t *testing.T) {
	const provider = "acme"
	server := oauthtest.Start(t)
	var catalog string
	configure := func(c *app.Config) {
		c.Catalog = catalog
		apptest.OAuth(t, c, server, provider, oauthtest.DefinitionOptions{})
		c.RefreshWorkers, catalog = 0, c.Catalog
	}
	i := newInstallation(t, nil)
	s := &apptest.Service{Client: apptest.Client{T: t, JWTSecret: i.jwtSecret}, Dir: i.dir, Logs: &apptest.Buffer{}}
	s.Open(configure)
	organization := uuid.New()
	user, key := s.UserToken(organization, uuid.New(), strongroom.RoleAppUser), s.APIKey(organization, "worker")
	renewed := s.Import(user, provider, server.MakeGrant(oauthtest.GrantRequest{}), -time.Minute)
	untouched := s.Import(user, provider, server.MakeGrant(oauthtest.GrantRequest{}), -time.Minute)
	open := func(c *apptest.Client, id uuid.UUID) apptest.Answer {
		return c.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id.String() + "/credentials", Key: key})
	}
	to := t.TempDir()
	data := i.backup(to)
	open(&s.Client, renewed).Want(t, http.StatusOK)

	check := func(previous string) backup.Changes {
		t.Helper()
		c := i.config()
		c.Catalog, c.DatabaseURL = catalog, ""
		report, err := app.CheckBackup(t.Context(), c, app.RestoreOptions{Data: data, Previous: previous})
		must(t, err)
		return report.Since
	}
	if found := check(i.config().DatabaseURL); !found.Compared || len(found.Consent) != 1 || found.Consent[0].ID != renewed || found.Consent[0].At == nil {
		t.Errorf("beside the database: %+v", found)
	}
	if found := check(""); found.Compared || len(found.Consent) != 2 {
		t.Errorf("without it: %+v", found)
	}
	must(t, s.Stop())

	other := i.on(nil)
	c := other.config()
	c.Catalog = catalog
	_, err := app.RestoreBackup(t.Context(), c, app.RestoreOptions{
		Data: data, Keys: filepath.Join(to, backup.KeysName), Previous: i.config().DatabaseURL, Caller: strongroom.Operator(uuid.Nil, ""),
	})
	must(t, err)
	s.Dir = other.dir
	s.Open(configure)
	defer func() { must(t, s.Stop()) }()
	if m := s.Metadata(user, renewed); m.Status != strongroom.StatusUncertain || m.RefreshError == nil {
		t.Errorf("after the restore it says %+v", m)
	}
	open(&s.Client, untouched).Want(t, http.StatusOK)
	if m := s.Metadata(user, untouched); m.Status != strongroom.StatusActive || m.Version != 2 {
		t.Errorf("the other says %+v", m)
	}
	open(&s.Client, renewed).WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
	if m := s.Metadata(user, renewed); m.Status != strongroom.StatusNeedsReauth || *m.Reason != strongroom.ReasonAnswerLost {
		t.Errorf("after the provider has refused it, it says %+v", m)
	}
}
