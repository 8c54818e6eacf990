package sqlite_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// moving is an open database with an account in it.
type moving struct {
	*testing.T
	*sqlite.DB
	path    string
	account strongroom.ServiceAccount
}

func setupMoving(t *testing.T) moving {
	path := filepath.Join(t.TempDir(), "strongroom.db")
	m := moving{T: t, DB: open(t, sqlite.Options{Path: path}), path: path, account: systemAccount()}
	t.Cleanup(func() { _ = m.Close() })
	m.works()
	if err := m.Write(t.Context(), func(tx store.Tx) error { return tx.CreateAccount(m.account) }); err != nil {
		t.Fatal(err)
	}
	if err := m.read(); err != nil {
		t.Fatal(err)
	}
	return m
}

func (m moving) rename(from, to string) {
	m.Helper()
	if err := os.Rename(from, to); err != nil {
		m.Fatal(err)
	}
}

// write makes one more account.
func (m moving) write() error {
	return m.Write(m.Context(), func(tx store.Tx) error { return tx.CreateAccount(systemAccount()) })
}

// read reads the account.
func (m moving) read() error {
	_, err := m.Account(m.Context(), uuid.Nil, m.account.ID)
	return err
}

func (m moving) works() {
	m.Helper()
	if err := errors.Join(m.write(), m.Ready(m.Context())); err != nil {
		m.Fatal(err)
	}
}

// gone checks that the error says that the files have gone.
func (m moving) gone(name string, err error) {
	m.Helper()
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "was moved, removed or replaced") {
		m.Errorf("%s: %v", name, err)
	}
}

func TestMovedFile(t *testing.T) {
	snapshot := func(m moving) error {
		return m.AuditSnapshot(m.Context(), func(store.AuditView) error { return nil })
	}
	t.Run("nothing is read or written while it is away, and all works when it is back", func(t *testing.T) {
		m := setupMoving(t)
		refused := systemAccount()
		m.rename(m.path, m.path+".away")
		m.gone("Write", m.Write(t.Context(), func(tx store.Tx) error { return tx.CreateAccount(refused) }))
		m.gone("Ready", m.Ready(t.Context()))
		m.gone("Account", m.read())
		_, _, err := m.KeyAndCredential(t.Context(), [32]byte{1}, uuid.New())
		m.gone("KeyAndCredential of an unknown key", err)
		m.gone("AuditSnapshot", snapshot(m))
		m.rename(m.path+".away", m.path)
		m.works()
		if _, err := m.Account(t.Context(), uuid.Nil, refused.ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what was refused was kept: %v", err)
		}
	})
	t.Run("a connection is not opened to another file", func(t *testing.T) {
		m := setupMoving(t)
		if err := m.BreakWriter(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.rename(m.path, m.path+".away")
		opened(t, m.path)
		m.gone("Write", m.write())
	})
	t.Run("another file in its place is neither read, written nor harmed", func(t *testing.T) {
		m := setupMoving(t)
		for _, suffix := range []string{"", "-wal", "-shm"} {
			m.rename(m.path+suffix, m.path+".away"+suffix)
		}
		other := open(t, sqlite.Options{Path: m.path})
		defer other.Close()
		m.gone("Write", m.write())
		m.gone("Ready", m.Ready(t.Context()))
		m.gone("Account", m.read())
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		if err := other.Ready(t.Context()); err != nil {
			t.Errorf("the other database: %v", err)
		}
	})
	t.Run("nothing is written without the log's name", func(t *testing.T) {
		m := setupMoving(t)
		m.rename(m.path+"-wal", m.path+"-lost")
		m.gone("Write", m.write())
		m.gone("Ready", m.Ready(t.Context()))
		m.rename(m.path+"-lost", m.path+"-wal")
		m.works()
	})
	t.Run("a commit into a file that went away meanwhile is not acknowledged", func(t *testing.T) {
		m := setupMoving(t)
		m.gone("Write", m.Write(t.Context(), func(tx store.Tx) error {
			m.rename(m.path, m.path+".away")
			return tx.CreateAccount(systemAccount())
		}))
	})
	t.Run("a symbolic link that leads elsewhere is a file that went away", func(t *testing.T) {
		directory := t.TempDir()
		link := filepath.Join(directory, "link.db")
		for _, name := range []string{"a.db", "b.db"} {
			opened(t, filepath.Join(directory, name))
		}
		if err := os.Symlink(filepath.Join(directory, "a.db"), link); err != nil {
			t.Fatal(err)
		}
		m := moving{T: t, DB: open(t, sqlite.Options{Path: link}), path: link}
		defer m.Close()
		m.works()
		if err := errors.Join(os.Remove(link), os.Symlink(filepath.Join(directory, "b.db"), link)); err != nil {
			t.Fatal(err)
		}
		m.gone("Write", m.write())
	})
}

func TestABrokenWriterIsReplaced(t *testing.T) {
	m := setupMoving(t)
	if err := m.BreakWriter(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.works()
}

func TestOldCiphertextIsOverwritten(t *testing.T) {
	canary := bytes.Repeat([]byte("canary of the old ciphertext "), 400)
	m := setupMoving(t)
	c := store.SealedCredential{
		Credential: strongroom.Credential{ID: uuid.New(), OrganizationID: uuid.New(), Provider: "sftp", Status: strongroom.StatusActive},
		Sealed:     canary,
	}
	err := m.Write(t.Context(), func(tx store.Tx) error {
		return errors.Join(tx.EnsureOrganization(c.OrganizationID, c.CreatedAt), tx.CreateCredential(c, store.CredentialLimits{}))
	})
	if err != nil {
		t.Fatal(err)
	}
	err = m.Write(t.Context(), func(tx store.Tx) error {
		return tx.UpdateCredential(c.OrganizationID, store.CredentialChange{ID: c.ID, From: 1, Sealed: []byte("new")})
	})
	if err := errors.Join(err, m.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(m.path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(content, canary[:30]) {
		t.Error("the file still holds it")
	}
}
