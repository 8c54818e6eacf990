package seal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"strongroom/secret"
)

// maxRootText bounds, in bytes, the text of a root key with the white space around it.
const maxRootText = 1024

const makeOne = "make one with `strongroom keys generate`"

// readFile returns the text of a root key file that nobody but its owner may read.
func readFile(path string) (secret.Value, error) {
	if path == "" {
		return secret.Value{}, errors.New(`root key: "file:" names no path`)
	}
	// Asked before opening, because opening a named pipe would wait for a writer.
	if err := regular(os.Stat(path)); err != nil {
		return secret.Value{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return secret.Value{}, fmt.Errorf("root key file: %w", err)
	}
	defer func() { _ = f.Close() }()
	// Asked again of the open file, which cannot be exchanged for another.
	info, err := f.Stat()
	if err := regular(info, err); err != nil {
		return secret.Value{}, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return secret.Value{}, fmt.Errorf("root key file %s may be read by others than its owner (mode %04o); run: chmod 600 %[1]s", path, info.Mode().Perm())
	}
	text := make([]byte, maxRootText+1)
	n, err := io.ReadFull(f, text)
	switch {
	case err == nil:
		clear(text)
		return secret.Value{}, fmt.Errorf("root key file %s is over %d bytes, so it is no root key", path, maxRootText)
	case !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		clear(text)
		return secret.Value{}, fmt.Errorf("root key file: %w", err)
	}
	return secret.New(text[:n]), nil
}

func regular(info fs.FileInfo, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		// The cause names the path and says no more: "stat PATH: no such file".
		return fmt.Errorf("root key file is missing (%w); %s", err, makeOne)
	case err != nil:
		return fmt.Errorf("root key file: %w", err)
	case !info.Mode().IsRegular():
		return fmt.Errorf("root key file %s is not a regular file", info.Name())
	}
	return nil
}

// readEnvironment returns the text of a root key in an environment variable.
func readEnvironment(name string) (secret.Value, error) {
	if name == "" {
		return secret.Value{}, errors.New(`root key: "env:" names no variable`)
	}
	text := os.Getenv(name)
	switch {
	case text == "":
		return secret.Value{}, fmt.Errorf("environment variable %s for the root key is not set or empty; %s", name, makeOne)
	case len(text) > maxRootText:
		return secret.Value{}, fmt.Errorf("environment variable %s is over %d bytes, so it is no root key", name, maxRootText)
	}
	return secret.New([]byte(text)), nil
}
