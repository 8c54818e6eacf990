package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Names of the files in a directory of backups.
const (
	KeysName   = "strongroom.keys"
	namePrefix = "strongroom-"
	nameSuffix = ".backup"
	// nameTime is the time in a data file's name.
	nameTime = "20060102T150405.000Z"
)

// writeWhole writes a file, readable for its owner alone, so that at its path stands all of
// it or what stood there. replace says that something may stand there.
func writeWhole(path string, replace bool, write func(*os.File) error) (err error) {
	directory := filepath.Dir(path)
	f, err := os.CreateTemp(directory, filepath.Base(path)+".*.tmp") // mode 0600
	if err != nil {
		return fmt.Errorf("a file cannot be made in %s: %w", directory, cause(err))
	}
	defer func() {
		if gone := os.Remove(f.Name()); gone != nil && !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}()
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return publish(f.Name(), path, replace)
}

// publish gives a complete file its name, and makes that durable.
func publish(temporary, path string, replace bool) error {
	var err error
	if replace {
		err = os.Rename(temporary, path)
	} else {
		err = os.Link(temporary, path) // unlike a rename, it never replaces anything
	}
	if err != nil {
		return fmt.Errorf("%s cannot be put in its place: %w", path, cause(err))
	}
	return syncDirectory(filepath.Dir(path))
}

// Publish makes a complete file durable and gives it its name, at which nothing may stand.
func Publish(temporary, path string) error {
	f, err := os.OpenFile(temporary, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	return publish(temporary, path, false)
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// cause is the system's own reason, without the path of a temporary file.
func cause(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// opened opens a file to read it from its beginning, and names it in every sentence.
func opened(path string) (*os.File, *reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, fmt.Errorf("the backup's file %s cannot be read: %w", path, cause(err))
	}
	r, err := newReader(f)
	if err != nil {
		return nil, nil, errors.Join(about(path, err), f.Close())
	}
	return f, r, nil
}

// about makes a sentence about a file.
func about(path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s cannot be used: %w", path, err)
}
