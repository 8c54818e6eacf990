package backup_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/backup"
	"strongroom/internal/store/postgres/postgrestest"
)

// actVariable makes a process of the test back up, or restore, in the place of serving: the
// act and a path.
const actVariable = "STRONGROOM_TEST_BACKUP_ACT"

func TestMain(m *testing.M) {
	apptest.Main(m, func(ctx context.Context, c app.Config, log *slog.Logger) error {
		act, path, _ := strings.Cut(os.Getenv(actVariable), " ")
		switch act {
		case "backup":
			_, err := app.Backup(ctx, c, app.BackupOptions{Directory: path, Keys: filepath.Join(path, backup.KeysName)})
			return err
		case "restore":
			_, err := app.RestoreBackup(ctx, c, app.RestoreOptions{Data: path, Caller: strongroom.Operator(uuid.Nil, "")})
			return err
		}
		return app.Run(ctx, c, log)
	})
}

const (
	credentials = "/api/integrations/credentials"
	// plaintext is part of every secret that these tests store, and of nothing else.
	plaintext = "plain-to-see-in-no-file"
)

// installation is a root key and a database that servers run on.
type installation struct {
	*testing.T
	dir       string
	jwtSecret []byte
	// cluster is nil where it runs on SQLite.
	cluster  *postgrestest.Cluster
	database postgrestest.Database
}

func newInstallation(t *testing.T, cluster *postgrestest.Cluster) *installation {
	t.Helper()
	i := &installation{T: t, dir: t.TempDir(), cluster: cluster}
	i.jwtSecret = apptest.Prepare(t, i.dir)
	if cluster != nil {
		i.database = cluster.Database(t)
	}
	return i
}

// on returns the same installation over another database, empty as yet: of the cluster, or
// for nil a SQLite file.
func (i *installation) on(cluster *postgrestest.Cluster) *installation {
	i.Helper()
	other := &installation{T: i.T, dir: i.TempDir(), jwtSecret: i.jwtSecret, cluster: cluster}
	if cluster != nil {
		other.database = cluster.Database(i.T)
	}
	for _, path := range []func(string) string{app.RootKeyPath, app.JWTSecretPath} {
		content, err := os.ReadFile(path(i.dir))
		must(i.T, err)
		must(i.T, os.WriteFile(path(other.dir), content, 0o600))
	}
	return other
}

// config is a server's; owner's is what backs up and restores.
func (i *installation) config() app.Config {
	c := apptest.Config(i.T, i.dir)
	if i.cluster != nil {
		c.DatabaseURL = i.database.URL
	}
	return c
}

func (i *installation) owner() app.Config {
	c := i.config()
	if i.cluster != nil {
		c.DatabaseURL = i.database.OwnerURL
	}
	return c
}

func (i *installation) start(arguments ...string) *apptest.Process {
	i.Helper()
	return apptest.StartProcess(i.T, i.dir, i.jwtSecret, nil, append([]string{
		"--database-url", i.config().DatabaseURL, "--credentials-per-provider", "0", "--credentials-per-user", "0",
	}, arguments...)...)
}

// act starts a process that backs up or restores, with the owner's rights.
func (i *installation) act(act, path string) *apptest.Process {
	i.Helper()
	return apptest.Spawn(i.T, i.dir, i.jwtSecret, []string{actVariable + "=" + act + " " + path}, "--database-url", i.owner().DatabaseURL)
}

func (i *installation) backup(to string) string {
	i.Helper()
	done, err := app.Backup(i.Context(), i.owner(), app.BackupOptions{Directory: to, Keys: filepath.Join(to, backup.KeysName)})
	must(i.T, err)
	return done.Data
}

// check checks a backup that must be good.
func (i *installation) check(data string) *backup.Report {
	i.Helper()
	report, err := app.CheckBackup(i.Context(), i.owner(), app.RestoreOptions{Data: data})
	must(i.T, err)
	if !report.OK() {
		i.Fatalf("the backup is not as it should be: %v", report.Problems)
	}
	return report
}

func (i *installation) restore(data string) *backup.Report {
	i.Helper()
	report, err := app.RestoreBackup(i.Context(), i.owner(), app.RestoreOptions{Data: data, Caller: strongroom.Operator(uuid.Nil, "")})
	must(i.T, err)
	return report
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stop tells a process to stop; it must do so cleanly.
func stop(p *apptest.Process) {
	p.T.Helper()
	p.Signal(os.Interrupt)
	if code := p.Wait(); code != 0 {
		p.T.Fatalf("the process ended with %d:\n%s", code, p.Output)
	}
}

// tenant is an organization with a user and a program.
type tenant struct {
	organization uuid.UUID
	user, key    string

	mu sync.Mutex
	// kept are the labels of what was acknowledged, by id.
	kept map[string]string
}

func newTenant(c *apptest.Client) *tenant {
	c.T.Helper()
	n := &tenant{organization: uuid.New(), kept: map[string]string{}}
	n.user = c.UserToken(n.organization, uuid.New(), strongroom.RoleAppUser)
	n.key = c.APIKey(n.organization, "worker")
	return n
}

func secretData(label string) string {
	return fmt.Sprintf(`{"host":"sftp.example.com","username":"upload","password":"%s-%s"}`, plaintext, label)
}

// store stores a credential and notes it once that is acknowledged.
func (n *tenant) store(c *apptest.Client, label string) error {
	a, err := c.Try(apptest.Request{Method: http.MethodPost, Path: credentials, Token: n.user, Body: api.CreateCredential{
		Name: label, Provider: "sftp", CredentialType: "user_password", Credentials: api.SecretObject(secretData(label)),
	}})
	if err != nil {
		return err
	}
	if a.Status != http.StatusCreated {
		return fmt.Errorf("storing was answered %d: %s", a.Status, a.Body)
	}
	var made api.Credential
	a.Into(c.T, &made)
	n.mu.Lock()
	defer n.mu.Unlock()
	n.kept[made.ID] = label
	return nil
}

// acknowledged returns what is kept so far.
func (n *tenant) acknowledged() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	kept := make(map[string]string, len(n.kept))
	for id, label := range n.kept {
		kept[id] = label
	}
	return kept
}

// wantOpen fails the test unless every one opens to what was stored.
func (n *tenant) wantOpen(c *apptest.Client, kept map[string]string) {
	c.T.Helper()
	for id, label := range kept {
		a := c.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id + "/credentials", Key: n.key}).Want(c.T, http.StatusOK)
		if string(a.Body) != secretData(label) {
			c.T.Fatalf("credential %s opens to something else than was stored", id)
		}
	}
}

// files returns the backups in a directory.
func files(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	must(t, err)
	return found
}

// both runs a test on either database.
func both(t *testing.T, test func(t *testing.T, i *installation)) {
	t.Run("SQLite", func(t *testing.T) { test(t, newInstallation(t, nil)) })
	t.Run("PostgreSQL", func(t *testing.T) { test(t, newInstallation(t, postgrestest.New(t))) })
}

// size returns a file's size; 0 where it is not there.
func size(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
