package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
	"strongroom/internal/store/storetest"
)

func TestDumps(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	storetest.RunDumps(t, func(t *testing.T) func(t *testing.T) storetest.Whole {
		cluster.Clear(t, d)
		return func(t *testing.T) storetest.Whole { return open(t, postgres.Options{URL: d.OwnerURL, Whole: true}) }
	})
}

// TestADumpKnowsEveryTableAndColumn: what a migration adds, and store.Tables does not name,
// would be missing from every backup.
func TestADumpKnowsEveryTableAndColumn(t *testing.T) {
	cluster := postgrestest.New(t)
	for added, named := range map[string]string{
		"ALTER TABLE strongroom.organizations ADD COLUMN colour text": "(organizations.colour)",
		"CREATE TABLE strongroom.surprises (id uuid)":                 "(surprises)",
		"ALTER TABLE strongroom.api_keys DROP COLUMN description":     "(api_keys.description)",
	} {
		d := cluster.Database(t)
		cluster.Server.Exec(t, d.Name, added)
		db := open(t, postgres.Options{URL: d.OwnerURL, Whole: true})
		if err := db.Dump(t.Context(), func(store.DumpView) error { return nil }); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: a dump says %v", added, err)
		}
		if err := db.Load(t.Context(), func(store.LoadTx) error { return nil }); err == nil || !strings.Contains(err.Error(), named) {
			t.Errorf("%s: a load says %v", added, err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTheServersRoleDumpsNothing: not even where it gets as far as to ask.
func TestTheServersRoleDumpsNothing(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	if _, err := postgres.Open(t.Context(), postgres.Options{URL: d.URL, Whole: true}); err == nil || !strings.Contains(err.Error(), "one organization at a time") {
		t.Errorf("opening says %v", err)
	}
	db := open(t, postgres.Options{URL: d.URL})
	err := db.Dump(t.Context(), func(v store.DumpView) error {
		for _, err := range v.Rows(store.TableNamed("credentials")) {
			return err
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "one organization at a time") {
		t.Errorf("a dump says %v", err)
	}
	if err := db.Load(t.Context(), func(store.LoadTx) error { return nil }); err == nil || !strings.Contains(err.Error(), "one organization at a time") {
		t.Errorf("a load says %v", err)
	}
}

// TestABackupRoleDumps is one that may read, and is not held by row-level security.
func TestABackupRoleDumps(t *testing.T) {
	cluster := postgrestest.New(t)
	var login postgrestest.Login
	login.Name, login.Password = cluster.Server.Role(t, "login bypassrls") // before the database, so that it goes after it
	d := cluster.Database(t)
	cluster.Server.Exec(t, d.Name, "grant connect on database "+d.Name+" to "+login.Name+
		"; grant usage on schema strongroom to "+login.Name+"; grant select on all tables in schema strongroom to "+login.Name)
	db := open(t, postgres.Options{URL: cluster.URL(login, d.Name), Whole: true, ReadOnly: true})
	if _, err := db.Installation(t.Context()); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of an installation that is not there it says %v", err)
	}
	if _, err := db.SigningKeys(t.Context()); err != nil {
		t.Error(err)
	}
	err := db.Dump(t.Context(), func(v store.DumpView) error {
		for _, table := range store.Tables {
			for _, err := range v.Rows(table) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
