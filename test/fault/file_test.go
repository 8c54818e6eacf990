package fault_test

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/audit"
	"strongroom/internal/store"
)

// moveAway takes the database's files (of those named by their endings) to another
// directory, and returns what puts them back.
func moveAway(t *testing.T, s *apptest.Service, endings ...string) (back func()) {
	t.Helper()
	away := t.TempDir()
	move := func(from, to string) {
		t.Helper()
		for _, ending := range endings {
			name := filepath.Base(s.DatabasePath()) + ending
			if err := os.Rename(filepath.Join(from, name), filepath.Join(to, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	move(s.Dir, away)
	return func() { move(away, s.Dir) }
}

// wantNothingGoes fails the test unless every kind of call is refused.
func wantNothingGoes(t *testing.T, n tenant, id string) {
	t.Helper()
	for name, a := range map[string]apptest.Answer{
		"read":   must(t)(n.read(id)),
		"create": must(t)(n.create("lost", secretData("lost"))),
		"update": must(t)(n.update(id, secretData("lost"))),
		"delete": must(t)(n.remove(id)),
		"list":   n.client.Do(apptest.Request{Method: http.MethodGet, Path: credentials, Token: n.user}),
	} {
		t.Run("while it is away: "+name, func(t *testing.T) { wantUnavailable(t, a, strongroom.CodeRepositoryUnavailable) })
	}
}

func TestDatabaseMovedAwayAndBack(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, unlimited)
	n := newTenant(&s.Client)
	var kept shelf
	id := n.mustCreate(t, "first", secretData("first"))
	kept.put(id, secretData("first"))
	answered := []apptest.Answer{n.wantData(t, id, secretData("first"))}

	// It goes in the middle of writes; whatever they acknowledge has to be there later.
	const writers = 4
	var all, begun sync.WaitGroup
	begun.Add(writers)
	refusals := make(chan apptest.Answer, writers)
	for i := range writers {
		all.Go(func() { refusals <- kept.writeUntilRefused(t, n, "writer-"+strconv.Itoa(i)+"-", begun.Done) })
	}
	begun.Wait()
	back := moveAway(t, s, "", "-wal")
	all.Wait()
	for range writers {
		wantUnavailable(t, <-refusals, strongroom.CodeRepositoryUnavailable)
	}
	wantNothingGoes(t, n, id)
	wantNotReady(t, &s.Client, "moved, removed or replaced")

	back()
	becomesReady(t, &s.Client)
	answered = append(answered, kept.wantAll(t, n)...)
	kept.put(n.mustCreate(t, "back again", secretData("back again")), secretData("back again"))
	wantOnRecord(t, s.Dir, answered)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	wantVerified(t, s.Dir)
	s.Open(nil)
	kept.wantAll(t, n)
}

func TestLogMovedAwayAndBack(t *testing.T) {
	t.Parallel()
	s := apptest.Start(t, nil)
	n := newTenant(&s.Client)
	id := n.mustCreate(t, "first", secretData("first"))
	back := moveAway(t, s, "-wal")

	// The database itself can still be read, but nothing can be recorded.
	wantUnavailable(t, must(t)(n.read(id)), strongroom.CodeAuditUnavailable)
	wantUnavailable(t, must(t)(n.create("lost", secretData("lost"))), strongroom.CodeRepositoryUnavailable)
	wantNotReady(t, &s.Client, "write-ahead log")

	back()
	becomesReady(t, &s.Client)
	wantOnRecord(t, s.Dir, []apptest.Answer{n.wantData(t, id, secretData("first"))})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	wantVerified(t, s.Dir)
}

// meanwhile does something in the middle of every transaction: when it has looked whether
// the database is there, and before it is committed.
type meanwhile struct {
	audit.Recorder
	do func()
}

// Commit implements audit.Recorder.
func (m meanwhile) Commit(ctx context.Context, change func(store.Tx) ([]strongroom.Event, error)) error {
	return m.Recorder.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		events, err := change(tx)
		m.do()
		return events, err
	})
}

func TestDatabaseMovedAwayInTheMiddleOfACommit(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		call func(n tenant, id string) (apptest.Answer, error)
		code strongroom.Code
	}{
		"of a new credential": {func(n tenant, _ string) (apptest.Answer, error) { return n.create("lost", secretData("lost")) }, strongroom.CodeRepositoryUnavailable},
		"of a read's record":  {func(n tenant, id string) (apptest.Answer, error) { return n.read(id) }, strongroom.CodeAuditUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.New(t, t.TempDir())
			back := func() {}
			armed := false
			s.Opened = func(a *app.App) {
				a.Credentials.Audit = meanwhile{a.Credentials.Audit, func() {
					if armed {
						back = moveAway(t, s, "", "-wal")
					}
				}}
			}
			s.Open(nil)
			n := newTenant(&s.Client)
			id := n.mustCreate(t, "first", secretData("first"))
			armed = true
			wantUnavailable(t, must(t)(c.call(n, id)), c.code)
			armed = false
			back()
			becomesReady(t, &s.Client)
			n.wantData(t, id, secretData("first"))
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			wantVerified(t, s.Dir)
		})
	}
}

func TestDatabaseDeletedForGood(t *testing.T) {
	t.Parallel()
	for name, replace := range map[string]func(t *testing.T, path string){
		"and nothing in its place": func(*testing.T, string) {},
		"and an empty file in its place": func(t *testing.T, path string) {
			if err := os.WriteFile(path, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := apptest.Start(t, nil)
			n := newTenant(&s.Client)
			id := n.mustCreate(t, "first", secretData("first"))
			for _, ending := range []string{"", "-wal", "-shm"} {
				if err := os.Remove(s.DatabasePath() + ending); err != nil {
					t.Fatal(err)
				}
			}
			replace(t, s.DatabasePath())
			for range 3 {
				wantNothingGoes(t, n, id)
			}
			wantNotReady(t, &s.Client, "moved, removed or replaced")
			if err := s.Stop(); err == nil {
				t.Error("the service claims to have closed an audit log that is gone")
			}
			if info, err := os.Stat(s.DatabasePath()); !errors.Is(err, fs.ErrNotExist) && (err != nil || info.Size() > 0) {
				t.Errorf("something was written in the deleted database's place: %v, %v", info, err)
			}
		})
	}
}
