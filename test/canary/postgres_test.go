package canary_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/pgtest"
	"strongroom/internal/store/postgres/postgrestest"
)

// TestNoSecretReachesPostgres: the server logs every statement with its parameters, and what
// it keeps is looked through file by file, its write-ahead log too.
func TestNoSecretReachesPostgres(t *testing.T) {
	dir := t.TempDir()
	m := newMaterial(t, dir)
	m.addData(t)
	server := pgtest.Private(t, "log_statement=all", "log_parameter_max_length=-1", "log_parameter_max_length_on_error=-1", "full_page_writes=on")
	cluster := postgrestest.On(t, server)
	database := cluster.Database(t)
	p := apptest.StartProcess(t, dir, m.jwtSecret, nil, "--log-level", "debug", "--database-url", database.URL)
	s := newSpy(p.Client, m)
	s.use(t)
	for _, c := range s.bodies() {
		s.ask(t, c.request, c.status)
	}
	s.look(t, s.ids["password"], `strongroom_store_operation_duration_seconds_count{operation="key_and_credential"}`)
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("the process ended with code %d", code)
	}
	s.wantWritten(t, "the output of the process", []byte(p.Output.String()), s.last, "listening")
	s.wantExportClean(t, app.Config{DatabaseURL: database.URL}, "credential.read", "credential.create", "api_key.create", s.ids["password"])
	// What the server was told: every statement, and what it was run with.
	s.wantWritten(t, "the server's log", []byte(server.Log(t)), "strongroom.key_account_credential(", "INSERT INTO strongroom.credentials", "parameters: $1 = ")
	server.Exec(t, "", "checkpoint")
	s.wantTreeClean(t, server.Query(t, "", "show data_directory"))
}

// wantTreeClean looks through all files of a database server, which goes on writing them.
func (s *spy) wantTreeClean(t *testing.T, root string) {
	t.Helper()
	looked := 0
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return nil // it comes and goes
		}
		if content, err := os.ReadFile(path); err == nil {
			looked++
			s.wantClean(t, "the server's file "+entry.Name(), content)
		}
		return nil
	})
	if err != nil || looked < 100 {
		t.Errorf("%d files of the server were looked through, %v: nothing is tested", looked, err)
	}
}
