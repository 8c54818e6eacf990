package dev

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"strongroom/internal/app"
	"strongroom/internal/seal"
	"strongroom/secret"
)

// Files of the directory beside those that app names.
const (
	stateFile = "dev.json"
	logFile   = "strongroom.log"
	lockFile  = "dev.lock"
)

// home is the directory, claimed for this process.
type home struct {
	dir  string
	lock *os.File
}

func (h *home) path(name string) string { return filepath.Join(h.dir, name) }

// claim makes the directory if need be and takes it for this process alone. The system
// gives it back when the process ends, however it ends.
func claim(dir string) (*home, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory %s cannot be made: %w; name another with --data", dir, err)
	}
	h := &home{dir: dir}
	if err := h.refuseForeign(); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(h.path(lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the directory %s cannot be used: %w; name another with --data", dir, err)
	}
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("another strongroom dev runs in %s: stop it, or name another directory with --data", dir)
	}
	h.lock = lock
	return h, nil
}

// refuseForeign refuses a directory with other things in it and none of ours.
func (h *home) refuseForeign() error {
	entries, err := os.ReadDir(h.dir)
	if err != nil {
		return fmt.Errorf("the directory %s cannot be read: %w; name another with --data", h.dir, err)
	}
	ours := map[string]bool{
		stateFile: true, logFile: true, lockFile: true, filepath.Base(app.DatabasePath(h.dir)): true,
		filepath.Base(app.RootKeyPath(h.dir)): true, filepath.Base(app.JWTSecretPath(h.dir)): true,
	}
	for _, e := range entries {
		if ours[e.Name()] {
			return nil
		}
	}
	if len(entries) > 0 {
		return fmt.Errorf("the directory %s holds other things and nothing of strongroom dev: name an empty or a new one with --data", h.dir)
	}
	return nil
}

func (h *home) release() error { return h.lock.Close() }

// furnish sees to the keys, and returns what should be known about that.
func (h *home) furnish() ([]string, error) {
	if err := os.Chmod(h.dir, 0o700); err != nil {
		return nil, fmt.Errorf("the directory %s cannot be closed to others: %w", h.dir, err)
	}
	if err := h.ensureRootKey(); err != nil {
		return nil, err
	}
	return h.ensureJWTSecret()
}

// ensureRootKey makes a root key where there is none that can be used, unless a
// database needs the one that is gone.
func (h *home) ensureRootKey() error {
	path := app.RootKeyPath(h.dir)
	keeper, err := seal.OpenKeeper(context.Background(), "file:"+path)
	if err == nil {
		return keeper.Close()
	}
	needed, statErr := h.hasDatabase()
	if statErr != nil {
		return statErr
	}
	if needed {
		return fmt.Errorf("%w; the database beside it opens with that key alone: put the key back, or begin anew by removing the directory %s", err, h.dir)
	}
	key, err := seal.GenerateRootKey()
	if err != nil {
		return err
	}
	defer key.Destroy()
	return h.replace(filepath.Base(path), key.Reveal())
}

// hasDatabase tells whether a database was begun: SQLite writes the first page when
// anything is in it.
func (h *home) hasDatabase() (bool, error) {
	info, err := os.Stat(app.DatabasePath(h.dir))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("the database cannot be looked at: %w", err)
	}
	return info.IsDir() || info.Size() > 0, nil
}

// jwtSecretSize is how many random bytes the secret is made of; its text is longer than
// HS256 asks for.
const (
	jwtSecretSize = 48
	minJWTSecret  = 32
)

// ensureJWTSecret makes the secret anew where it cannot be used: tokens are made at each
// start, so nothing is lost that is not replaced.
func (h *home) ensureJWTSecret() ([]string, error) {
	path := app.JWTSecretPath(h.dir)
	var notes []string
	if _, err := os.Lstat(path); err == nil {
		value, err := app.ReadSecretFile(path)
		if err == nil && len(value.Reveal()) >= minJWTSecret {
			return nil, nil
		}
		notes = []string{"The secret for users' tokens was damaged or open to others, and is a new one: earlier tokens are no longer accepted."}
	}
	random := make([]byte, jwtSecretSize)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	text := secret.New(append(base64.RawURLEncoding.AppendEncode(nil, random), '\n'))
	clear(random)
	defer text.Destroy()
	return notes, h.replace(filepath.Base(path), text.Reveal())
}

// replace writes a file for its owner alone, so that after a crash at its path stands
// all of it or what stood there. The lock makes one fixed name for the unfinished file
// enough, and what a crash leaves there is overwritten by the next start.
func (h *home) replace(name string, content []byte) error {
	path, unfinished := h.path(name), h.path(name+".tmp")
	_ = os.Remove(unfinished)
	f, err := os.OpenFile(unfinished, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the file %s cannot be written: %w", path, err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(unfinished, path)
	}
	if err == nil {
		err = h.sync()
	}
	if err != nil {
		return fmt.Errorf("the file %s cannot be written: %w", path, err)
	}
	return nil
}

// sync makes the new name durable.
func (h *home) sync() error {
	dir, err := os.Open(h.dir)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
