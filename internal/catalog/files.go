package catalog

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Limits on what an operator's directory holds.
const (
	maxFiles    = 200
	maxFileSize = 256 << 10
)

// source is the text of one definition.
type source struct {
	// file is the name that problems are reported under.
	file string
	text []byte
	// plugin is the definition's default for that key.
	plugin bool
}

func embeddedSources() ([]source, error) {
	files, err := fs.Glob(embedded, "providers/*.yaml")
	if err != nil {
		return nil, err
	}
	var out []source
	for _, f := range files {
		text, err := embedded.ReadFile(f)
		if err != nil {
			return nil, err
		}
		out = append(out, source{file: f, text: text})
	}
	return out, nil
}

// directorySources reads the operator's definitions, in order of file name.
func directorySources(dir string) ([]source, []error) {
	listed, err := os.ReadDir(dir)
	if err != nil {
		return nil, []error{fmt.Errorf("%s:1: the directory of definitions cannot be listed (%s); name one that exists and that the server may read", dir, reason(err))}
	}
	var names []string
	for _, e := range listed {
		switch ext := filepath.Ext(e.Name()); {
		case strings.HasPrefix(e.Name(), "."), ext != ".yaml" && ext != ".yml":
		default:
			names = append(names, e.Name())
		}
	}
	if len(names) > maxFiles {
		return nil, []error{fmt.Errorf("%s:1: the directory holds %d definitions, more than the %d allowed; remove some", dir, len(names), maxFiles)}
	}
	var out []source
	var problems []error
	for _, name := range names {
		file := filepath.Join(dir, name)
		text, problem := readFile(file)
		if problem != "" {
			problems = append(problems, fmt.Errorf("%s:1: %s", file, problem))
			continue
		}
		out = append(out, source{file: file, text: text, plugin: true})
	}
	return out, problems
}

// readFile returns a regular file's content, or a sentence about why not. A link is
// followed: mounted configuration is made of links.
func readFile(file string) (text []byte, problem string) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Sprintf("the file cannot be read (%s); correct its permissions or remove it", reason(err))
	}
	if !info.Mode().IsRegular() {
		return nil, "this is no regular file; keep only definitions under names that end in .yaml or .yml"
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Sprintf("the file cannot be read (%s); correct its permissions or remove it", reason(err))
	}
	defer f.Close()
	text, err = io.ReadAll(io.LimitReader(f, maxFileSize+1))
	switch {
	case err != nil:
		return nil, fmt.Sprintf("the file cannot be read (%s); try again or replace it", reason(err))
	case len(text) > maxFileSize:
		return nil, fmt.Sprintf("the file is larger than %d KiB; shorten it", maxFileSize>>10)
	}
	return text, ""
}

// reason returns what the operating system said, without the path.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
