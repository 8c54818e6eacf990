package sqlite_test

import (
	"bytes"
	"path/filepath"
	"sync"
	"testing"

	driver "zombiezen.com/go/sqlite"

	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// echo binds a value of an id's size again and again until the end, and fails the test where
// the engine gives back another.
func echo(t *testing.T, end <-chan struct{}, letter byte) {
	c, err := driver.OpenConn(":memory:", driver.OpenReadWrite)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = c.Close() }()
	want := bytes.Repeat([]byte{letter}, 16)
	got := make([]byte, len(want))
	for {
		select {
		case <-end:
			return
		default:
		}
		stmt, err := c.Prepare("SELECT ?")
		if err == nil {
			stmt.BindBytes(1, want)
			_, err = stmt.Step()
		}
		if err != nil {
			t.Error(err)
			return
		}
		if stmt.ColumnBytes(0, got); !bytes.Equal(got, want) {
			t.Errorf("bound %x, got %x", want, got)
			return
		}
		_ = stmt.Reset()
	}
}

// The engine's memory is one heap for all connections, in which no race detector looks: what
// one writes where it should not is another's id, hash or sealed data.
func TestAConnectionThatIsOpenedChangesNothingThatAnotherHasBound(t *testing.T) {
	// One in some 150 did, when it was found.
	const opened = 400
	db := open(t, sqlite.Options{Path: filepath.Join(t.TempDir(), "a.db")})
	end := make(chan struct{})
	var echoes, opening sync.WaitGroup
	for _, letter := range []byte("ab") {
		echoes.Go(func() { echo(t, end, letter) })
	}
	for range 2 {
		opening.Go(func() {
			for range opened / 2 {
				// It is read on a connection of its own.
				if err := db.AuditSnapshot(t.Context(), func(store.AuditView) error { return nil }); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	opening.Wait()
	close(end)
	echoes.Wait()
}
