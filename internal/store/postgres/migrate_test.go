package postgres_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

func options(cluster *postgrestest.Cluster, d postgrestest.Database) postgres.MigrateOptions {
	return postgres.MigrateOptions{Options: postgres.Options{URL: d.OwnerURL}, ServerRole: cluster.Role.Name}
}

func TestOfTenMigrationsAtOnceOneDoesTheWork(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Empty(t)
	var mu sync.Mutex
	did := 0
	var group sync.WaitGroup
	for range 10 {
		group.Go(func() {
			done, err := postgres.Migrate(t.Context(), options(cluster, d))
			if err != nil || done.To != postgres.Known {
				t.Errorf("%+v, %v", done, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if done.From == 0 {
				did++
			}
		})
	}
	group.Wait()
	if did != 1 {
		t.Errorf("%d did the work", did)
	}
	_ = open(t, postgres.Options{URL: d.URL}).Close()
}

func TestAMigrationGoesThroughPgBouncer(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Empty(t)
	bouncer := cluster.Bouncer(t)
	o := options(cluster, d)
	o.URL = postgrestest.Address(bouncer, cluster.Owner, d.Name)
	if done, err := postgres.Migrate(t.Context(), o); err != nil || done.To != postgres.Known {
		t.Fatalf("%+v, %v", done, err)
	}
	_ = open(t, postgres.Options{URL: postgrestest.Address(bouncer, cluster.Role, d.Name)}).Close()
}

// Further steps, as the next releases may have them.
const (
	addition = `ALTER TABLE strongroom.credentials ADD COLUMN colour text NOT NULL DEFAULT 'red';
		CREATE TABLE strongroom.colours (name text PRIMARY KEY)`
	another = `ALTER TABLE strongroom.credentials ADD COLUMN shape text`
)

func TestABinaryOneReleaseOlderWorksBesideTheNewerSchema(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	running := open(t, postgres.Options{URL: d.URL})
	before := newTenants(t, running, 1)
	before.look(t, running) // PostgreSQL has planned it for the tables as they are
	if _, err := postgres.MigrateWith(t.Context(), options(cluster, d), addition); err != nil {
		t.Fatal(err)
	}
	before.look(t, running)
	started := open(t, postgres.Options{URL: d.URL})
	for _, db := range []*postgres.DB{running, started} {
		before.look(t, db)
		newTenants(t, db, 1).look(t, db)
		organization, hash := furnish(t, db)
		if _, err := db.KeyByHash(t.Context(), hash); err != nil {
			t.Error(err)
		}
		if list, err := db.ListCredentials(t.Context(), organization, store.CredentialFilter{}); err != nil {
			t.Error(list, err)
		}
		if err := db.Ready(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if done, err := postgres.Migrate(t.Context(), options(cluster, d)); err != nil || done.From != done.To {
		t.Errorf("the older migration changes a newer schema: %+v, %v", done, err)
	}
}

func TestABinaryThatIsTooOldSaysSo(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	running := open(t, postgres.Options{URL: d.URL})
	if _, err := postgres.MigrateWith(t.Context(), options(cluster, d), addition, another); err != nil {
		t.Fatal(err)
	}
	_, err := postgres.Open(t.Context(), postgres.Options{URL: d.URL})
	says(t, err, "run a strongroom that is at most one release older")
	err = running.Ready(t.Context())
	says(t, err, "run a strongroom that is at most one release older")
	if !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("it is no ErrUnavailable: %v", err)
	}
}

func TestABinaryThatIsTooNewSaysSo(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	cluster.Server.Exec(t, d.Name, "UPDATE strongroom.schema SET version = version - 1")
	_, err := postgres.Open(t.Context(), postgres.Options{URL: d.URL})
	says(t, err, "run strongroom migrate of this version")
}

func TestAMigrationThatFailsLeavesNothing(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Empty(t)
	_, err := postgres.MigrateWith(t.Context(), options(cluster, d), "CREATE TABLE strongroom.half (); SELECT 1/0")
	says(t, err, "division by zero")
	if cluster.Server.Query(t, d.Name, "SELECT count(*) FROM pg_namespace WHERE nspname = 'strongroom'") != "0" {
		t.Error("a part of it was kept")
	}
	cluster.Migrate(t, d)
}

// TestStartsThatAreRefused is long: it is a table, whose rows are the cases.
func TestStartsThatAreRefused(t *testing.T) {
	cluster := postgrestest.New(t)
	super, password := cluster.Server.Role(t, "login superuser")
	stranger, strangers := cluster.Server.Role(t, "login")
	bypassing, bypass := cluster.Server.Role(t, "login bypassrls")
	heir, heirs := cluster.Server.Role(t, "login in role "+cluster.Owner.Name)
	d, empty := cluster.Database(t), cluster.Empty(t)
	for _, role := range []string{stranger, bypassing, heir} {
		cluster.Server.Exec(t, "", "grant connect on database "+d.Name+" to "+role)
	}
	at := func(name, password string) string {
		return cluster.URL(postgrestest.Login{Name: name, Password: password}, d.Name)
	}
	for name, c := range map[string]struct{ url, says string }{
		"a database before its first migration":     {empty.URL, "run strongroom migrate"},
		"the owner of the tables":                   {d.OwnerURL, "nothing would stand between organizations"},
		"a superuser":                               {at(super, password), "nothing would stand between organizations"},
		"a role that bypasses":                      {at(bypassing, bypass), "nothing would stand between organizations"},
		"a role that may become the owner":          {at(heir, heirs), "nothing would stand between organizations"},
		"a role without rights":                     {at(stranger, strangers), "has no rights on strongroom's tables"},
		"a wrong password":                          {at(cluster.Role.Name, "wrong"), "the password is wrong"},
		"no such database":                          {cluster.URL(cluster.Role, "nothing_here_"+strings.ReplaceAll(uuid.NewString(), "-", "")), "there is no such database"},
		"a server that is not there":                {postgrestest.Address("127.0.0.1:1", cluster.Role, d.Name), "no connection to the database can be made"},
		"a server that is not encrypted to":         {strings.Replace(d.URL, "?sslmode=disable", "", 1), "the connection"},
		"a URL of another kind":                     {"mysql://root@localhost/db", "postgres://ROLE@HOST:PORT/DATABASE"},
		"a URL that names a file that is not there": {d.URL + "&sslrootcert=/nothing/here", "postgres://ROLE@HOST:PORT/DATABASE"},
	} {
		t.Run(name, func(t *testing.T) {
			db, err := postgres.Open(t.Context(), postgres.Options{URL: c.url})
			if err == nil {
				_ = db.Close()
			}
			says(t, err, c.says)
			for _, secret := range []string{password, strangers, bypass, heirs, cluster.Role.Password, cluster.Owner.Password} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("it shows a password: %v", err)
				}
			}
		})
	}
	for name, c := range map[string]struct {
		role, says string
	}{
		"for the owner itself":     {cluster.Owner.Name, "cannot be the server's"},
		"for a superuser":          {super, "cannot be the server's"},
		"for one who bypasses":     {bypassing, "cannot be the server's"},
		"for one who may become":   {heir, "cannot be the server's"},
		"for one who is not there": {"not_" + stranger, "let an administrator run CREATE ROLE"},
		"for nobody":               {"", "set --server-role"},
	} {
		t.Run("a migration "+name, func(t *testing.T) {
			o := options(cluster, d)
			o.ServerRole = c.role
			_, err := postgres.Migrate(t.Context(), o)
			says(t, err, c.says)
		})
	}
}

func says(t *testing.T, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), part) {
		t.Errorf("it says %q, and should say %q", err, part)
	}
}
