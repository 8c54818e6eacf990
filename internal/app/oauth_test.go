package app_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

// opened returns what a service that serves says of its environment.
func opened(t *testing.T, environment ...string) error {
	t.Helper()
	dir := t.TempDir()
	apptest.Prepare(t, dir)
	c := apptest.Config(t, dir)
	c.Environment = environment
	a, err := app.Open(t.Context(), c, "test", slog.New(slog.NewJSONHandler(io.Discard, nil)))
	if err != nil {
		t.Fatal(err)
	}
	_, failed := a.Handler(t.Context())
	if err := a.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return failed
}

func TestAnOAuthClientThatIsSetWronglyStopsTheStartWithASentence(t *testing.T) {
	const google = "STRONGROOM_OAUTH_GOOGLE_"
	readable := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(readable, []byte("canary-secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		environment []string
		want        string
	}{
		"a provider that is not there":   {[]string{"STRONGROOM_OAUTH_GOGLE_CLIENT_ID=x"}, "STRONGROOM_OAUTH_GOGLE_CLIENT_ID names no OAuth provider"},
		"a provider without OAuth":       {[]string{"STRONGROOM_OAUTH_SFTP_CLIENT_ID=x"}, "STRONGROOM_OAUTH_SFTP_CLIENT_ID names no OAuth provider"},
		"another part of a client":       {[]string{google + "CLIENT_KEY=canary-secret"}, "GOOGLE_CLIENT_KEY names no OAuth provider"},
		"an id without a secret":         {[]string{google + "CLIENT_ID=x"}, "has no secret"},
		"a secret without an id":         {[]string{google + "CLIENT_SECRET=canary-secret"}, "has a secret and no id"},
		"two secrets":                    {[]string{google + "CLIENT_ID=x", google + "CLIENT_SECRET=canary-secret", google + "CLIENT_SECRET_FILE=" + readable}, "has two secrets"},
		"a file that is not there":       {[]string{google + "CLIENT_ID=x", google + "CLIENT_SECRET_FILE=" + readable + ".not"}, "cannot be read"},
		"a file that everybody may read": {[]string{google + "CLIENT_ID=x", google + "CLIENT_SECRET_FILE=" + readable}, "chmod 600"},
	} {
		t.Run(name, func(t *testing.T) {
			err := opened(t, row.environment...)
			if err == nil || !strings.Contains(err.Error(), row.want) || strings.Contains(err.Error(), "canary") {
				t.Errorf("it says: %v", err)
			}
		})
	}
}

func TestOAuthClientsAreReadFromVariablesAndFiles(t *testing.T) {
	private := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(private, []byte("canary-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := opened(t, "STRONGROOM_OAUTH_GOOGLE_CLIENT_ID=x", "STRONGROOM_OAUTH_GOOGLE_CLIENT_SECRET_FILE="+private,
		"STRONGROOM_OAUTH_SLACK_CLIENT_ID=y", "STRONGROOM_OAUTH_SLACK_CLIENT_SECRET=z", "STRONGROOM_ADDR=ignored"); err != nil {
		t.Error(err)
	}
}
