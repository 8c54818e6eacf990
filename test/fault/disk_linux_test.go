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
	var spares []string
	for i := range 20 {
		spares = append(spares, n.mustCreate(t, "spare "+strconv.Itoa(i), secretData("spare")))
	}

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

	// A read needs less room than a change, and the database's log is written from its
	// beginning again once it has been taken over: either is answered as long as there is room.
	var answered []apptest.Answer
	for range 3 {
		refusedInTheEnd(t, strongroom.CodeAuditUnavailable, func() apptest.Answer { return must(t)(n.read(id)) },
			func(a apptest.Answer) { answered = append(answered, a) })
		refusedInTheEnd(t, strongroom.CodeRepositoryUnavailable, func() apptest.Answer { return must(t)(n.create("late", secretData("late"))) },
			func(a apptest.Answer) { kept.put(createdID(t, a), secretData("late")) })
		refusedInTheEnd(t, strongroom.CodeRepositoryUnavailable, func() apptest.Answer { return must(t)(n.update(id, secretData("late"))) },
			func(apptest.Answer) { kept.put(id, secretData("late")) })
		refusedInTheEnd(t, strongroom.CodeRepositoryUnavailable, func() apptest.Answer { return must(t)(n.remove(spares[0])) },
			func(apptest.Answer) { spares = spares[1:] })
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

// refusedInTheEnd makes calls until one is refused for want of room, and tells of those that
// were acknowledged before.
func refusedInTheEnd(t *testing.T, code strongroom.Code, call func() apptest.Answer, acknowledged func(apptest.Answer)) {
	t.Helper()
	for range enough {
		a := call()
		if a.Status >= http.StatusMultipleChoices {
			wantUnavailable(t, a, code)
			return
		}
		acknowledged(a)
	}
	t.Fatalf("%d calls were answered on a full disk", enough)
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
