package fault_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
)

// fill fills the disk to the last byte and returns the file that does it.
func fill(t *testing.T, dir string) string {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "ballast"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 64<<10); len(block) > 0; {
		switch _, err := f.Write(block); {
		case errors.Is(err, syscall.ENOSPC):
			block = block[:len(block)/2]
		case err != nil:
			t.Fatal(err)
		}
	}
	return f.Name()
}

func TestFullDisk(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	dir := smallDisk(t, "24m")
	s := apptest.New(t, dir)
	s.Open(unlimited)
	n := newTenant(&s.Client)
	var kept shelf
	id := n.mustCreate(t, "first", secretData("first"))
	kept.put(id, secretData("first"))

	// The disk fills while credentials are being stored.
	const writers = 4
	var all, begun sync.WaitGroup
	begun.Add(writers)
	refusals := make(chan apptest.Answer, writers)
	for i := range writers {
		all.Go(func() { refusals <- kept.writeUntilRefused(t, n, "writer-"+strconv.Itoa(i)+"-", begun.Done) })
	}
	begun.Wait()
	ballast := fill(t, dir)
	all.Wait()
	for range writers {
		wantUnavailable(t, <-refusals, strongroom.CodeRepositoryUnavailable)
	}

	// A read needs less room than a change; it is answered as long as it can be recorded.
	var answered []apptest.Answer
	for range enough {
		a := must(t)(n.read(id))
		if a.Status != http.StatusOK {
			wantUnavailable(t, a, strongroom.CodeAuditUnavailable)
			break
		}
		answered = append(answered, a)
	}
	for range 3 {
		wantUnavailable(t, must(t)(n.read(id)), strongroom.CodeAuditUnavailable)
		wantUnavailable(t, must(t)(n.create("too late", secretData("too late"))), strongroom.CodeRepositoryUnavailable)
		wantUnavailable(t, must(t)(n.update(id, secretData("too late"))), strongroom.CodeRepositoryUnavailable)
		wantUnavailable(t, must(t)(n.remove(id)), strongroom.CodeRepositoryUnavailable)
	}
	wantNotReady(t, &s.Client, "room")

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	becomesReady(t, &s.Client)
	answered = append(answered, kept.wantAll(t, n)...)
	kept.put(n.mustCreate(t, "room again", secretData("room again")), secretData("room again"))
	wantOnRecord(t, dir, answered)

	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	wantVerified(t, dir)
	wantNoProbes(t, dir)
	s.Open(unlimited)
	kept.wantAll(t, n)
}

// wantNoProbes fails the test where looking whether there is room has left files behind.
func wantNoProbes(t *testing.T, dir string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if strings.Contains(f.Name(), "-room-") {
			t.Errorf("%s was left behind", f.Name())
		}
	}
}

func TestReadOnlyDiskRefusesTheStart(t *testing.T) {
	t.Parallel()
	if !inNamespace(t) {
		return
	}
	dir := smallDisk(t, "24m")
	s := apptest.New(t, dir)
	s.Open(nil)
	n := newTenant(&s.Client)
	id := n.mustCreate(t, "before", secretData("before"))
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}

	mount(t, dir, dir, "", syscall.MS_BIND, "")
	readOnly := func(flag uintptr) {
		t.Helper()
		if err := syscall.Mount("", dir, "", syscall.MS_BIND|syscall.MS_REMOUNT|flag, ""); err != nil {
			t.Fatal(err)
		}
	}
	readOnly(syscall.MS_RDONLY)
	opened, err := app.Open(t.Context(), apptest.Config(t, dir), "test", s.App.Log)
	if err == nil {
		_ = opened.Close(t.Context())
		t.Fatal("a service starts that could record nothing")
	}
	if text := err.Error(); strings.Contains(text, "\n") || !strings.Contains(text, app.DatabasePath(dir)) || !strings.Contains(text, "check") {
		t.Errorf("the refusal is not one sentence that names the database and says what to do: %s", text)
	}
	t.Logf("refused with: %v", err)

	readOnly(0)
	s.Open(nil)
	n.wantData(t, id, secretData("before"))
}
