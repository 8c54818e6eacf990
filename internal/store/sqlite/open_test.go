package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	driver "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// script makes or changes a file with plain SQL, past the store.
func script(t *testing.T, path, sql string) {
	t.Helper()
	c, err := driver.OpenConn(path, driver.OpenReadWrite, driver.OpenCreate)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(sqlitex.ExecuteScript(c, sql, nil), c.Close()); err != nil {
		t.Fatal(err)
	}
}

// opened makes a database of ours and closes it.
func opened(t *testing.T, path string) {
	t.Helper()
	if err := open(t, sqlite.Options{Path: path}).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		// make puts something at the path.
		make     func(t *testing.T, path string)
		readOnly bool
		want     string
	}{
		"a path that is a directory": {
			make: func(t *testing.T, path string) {
				if err := os.Mkdir(path, 0o700); err != nil {
					t.Fatal(err)
				}
			},
			want: "is not a regular file",
		},
		"a file that is no database": {
			make: func(t *testing.T, path string) {
				if err := os.WriteFile(path, bytes.Repeat([]byte("a letter to mother\n"), 1000), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			want: "the file is not a database",
		},
		"a database of another program": {
			make: func(t *testing.T, path string) { script(t, path, "CREATE TABLE bookmarks (url TEXT)") },
			want: "is a database of another program",
		},
		"a database that another program has marked": {
			make: func(t *testing.T, path string) { script(t, path, "PRAGMA application_id = 7; PRAGMA user_version = 1") },
			want: "is a database of another program",
		},
		"a database of a newer schema": {
			make: func(t *testing.T, path string) {
				opened(t, path)
				script(t, path, "PRAGMA user_version = 1000")
			},
			want: "was made by a newer strongroom (schema 1000,",
		},
		"a missing file for reading only": {
			make:     func(*testing.T, string) {},
			readOnly: true,
			want:     "there is no database at",
		},
		"an older schema for reading only": {
			make:     func(t *testing.T, path string) { script(t, path, "PRAGMA application_id = 0x53747267") },
			readOnly: true,
			want:     "its schema is older than this strongroom's",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "strongroom.db")
			test.make(t, path)
			before, _ := os.ReadFile(path)
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path, ReadOnly: test.readOnly})
			if err == nil {
				t.Fatal("it opened", db.Close())
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want it to say %q", err, test.want)
			}
			if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
				t.Error("the file was changed")
			}
		})
	}
	t.Run("a directory that does not exist", func(t *testing.T) {
		directory := filepath.Join(t.TempDir(), "missing")
		_, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(directory, "strongroom.db")})
		if err == nil || !strings.Contains(err.Error(), directory+" does not exist") {
			t.Errorf("got %v", err)
		}
		if _, err := os.Stat(directory); err == nil {
			t.Error("the directory was made")
		}
	})
}

func TestOnlyTheOwnerMayReadTheFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	db := open(t, sqlite.Options{Path: path})
	defer db.Close()
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != 0o600 {
			t.Errorf("%s has mode %o", info.Name(), got)
		}
	}
}

func TestManyHandlesOpenANewDatabaseAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err != nil {
				t.Error(err)
				return
			}
			if err := errors.Join(db.Ready(t.Context()), db.Close()); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
}

func TestManyProcessesOpenANewDatabaseAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	var processes []started
	for range 4 {
		processes = append(processes, start(t, path))
	}
	var ids []uuid.UUID
	for _, p := range processes {
		ids = append(ids, p.wrote(t))
	}
	for _, p := range processes {
		p.end(t)
	}
	expectAccounts(t, path, ids)
}

func TestWhatAKilledProcessHadWrittenIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	p := start(t, path)
	id := p.wrote(t)
	p.kill(t)
	expectAccounts(t, path, []uuid.UUID{id})
}

// expectAccounts opens the database and looks for the accounts.
func expectAccounts(t *testing.T, path string, ids []uuid.UUID) {
	t.Helper()
	db := open(t, sqlite.Options{Path: path})
	defer db.Close()
	for _, id := range ids {
		if _, err := db.Account(t.Context(), uuid.Nil, id); err != nil {
			t.Errorf("account %v: %v", id, err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	writer := open(t, sqlite.Options{Path: path})
	defer writer.Close()
	a := systemAccount()
	if err := writer.Write(t.Context(), func(tx store.Tx) error { return tx.CreateAccount(a) }); err != nil {
		t.Fatal(err)
	}
	db := open(t, sqlite.Options{Path: path, ReadOnly: true})
	defer db.Close()
	if _, err := db.Account(t.Context(), uuid.Nil, a.ID); err != nil {
		t.Errorf("it does not read: %v", err)
	}
	if err := db.AuditSnapshot(t.Context(), func(v store.AuditView) error { _, err := v.Heads(); return err }); err != nil {
		t.Errorf("it does not read the audit log: %v", err)
	}
	wrote := func(store.Tx) error { t.Error("it writes"); return nil }
	for name, err := range map[string]error{"Write": db.Write(t.Context(), wrote), "Ready": db.Ready(t.Context())} {
		if !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
