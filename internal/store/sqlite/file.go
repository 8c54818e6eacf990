package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"strongroom/internal/store"
)

// creating makes handles of one process create their files one after the other. A
// process that closes any descriptor of a file loses its locks on that file
// (fcntl(2)), so nobody may have it open in SQLite while another still creates it.
var creating sync.Mutex

// file is where the database is and which files were opened there. SQLite goes on
// writing to a file that has lost its name; what it then acknowledges is lost.
type file struct {
	path string
	main os.FileInfo
	// logPath is the write-ahead log's: beside the file itself, not beside a symbolic
	// link to it.
	logPath string
	log     os.FileInfo
}

// locate finds the database's file and, if it may, creates it for its owner alone.
func locate(path string, create bool) (*file, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find the database: %w", err)
	}
	directory := filepath.Dir(path)
	if info, err := os.Stat(directory); err != nil || !info.IsDir() {
		return nil, fmt.Errorf("the database's directory %s does not exist or cannot be read: make it, owned by the user that runs strongroom", directory)
	}
	if create {
		if err := touch(path); err != nil {
			return nil, fmt.Errorf("the database %s cannot be created: %w", path, err)
		}
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("there is no database at %s", path)
	case err != nil:
		return nil, fmt.Errorf("the database %s cannot be accessed: %w", path, err)
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("the database %s is not a regular file", path)
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return nil, fmt.Errorf("the database %s cannot be accessed: %w", path, err)
	}
	return &file{path: path, main: info, logPath: resolved + "-wal"}, nil
}

// touch creates the file where there is none.
func touch(path string) error {
	creating.Lock()
	defer creating.Unlock()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return f.Close()
}

// opened notes the write-ahead log, which SQLite has made by now, and checks that what
// was found is still what stands there.
func (f *file) opened() error {
	log, err := os.Stat(f.logPath)
	if err != nil {
		return fmt.Errorf("the write-ahead log of the database %s cannot be accessed: %w", f.path, err)
	}
	f.log = log
	return f.intact()
}

// present returns an ErrMoved where another file, or none, stands at the path.
func (f *file) present() error { return f.stands(store.ErrMoved) }

// intact is present for the write-ahead log as well: what is committed lives there
// until a checkpoint.
func (f *file) intact() error {
	if err := f.present(); err != nil {
		return err
	}
	return f.logStands()
}

// kept is intact for what was committed just now. It has gone with the file, and nobody is
// to take that for a database that was not there.
func (f *file) kept() error {
	if err := f.stands(store.ErrUnavailable); err != nil {
		return err
	}
	return f.logStands()
}

func (f *file) stands(moved error) error {
	if info, err := os.Stat(f.path); err != nil || !os.SameFile(info, f.main) {
		return f.gone(moved, "database")
	}
	return nil
}

func (f *file) logStands() error {
	if info, err := os.Stat(f.logPath); err != nil || !os.SameFile(info, f.log) {
		return f.gone(store.ErrUnavailable, "write-ahead log of the database")
	}
	return nil
}

func (f *file) gone(as error, what string) error {
	return fmt.Errorf("%w: the %s %s was moved, removed or replaced while it was open: put the same file back, or restart to use what is there now",
		as, what, f.path)
}
