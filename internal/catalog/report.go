package catalog

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
)

// maxReported bounds how many problems of one file are told at once.
const maxReported = 20

// fault is one problem of a file. Lines count from 1.
type fault struct {
	line int
	text string
}

// report collects the problems of one file.
type report struct {
	file   string
	faults []fault
}

func (r *report) add(line int, format string, args ...any) {
	r.faults = append(r.faults, fault{max(line, 1), fmt.Sprintf(format, args...)})
}

// errors returns the problems in the order of their lines, each as "file:line: sentence".
func (r *report) errors() []error {
	slices.SortStableFunc(r.faults, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	var out []error
	for i, f := range r.faults {
		if i == maxReported {
			out = append(out, fmt.Errorf("%s:%d: %d more problems; correct the ones above first", r.file, f.line, len(r.faults)-i))
			break
		}
		out = append(out, fmt.Errorf("%s:%d: %s", r.file, f.line, f.text))
	}
	return out
}

// maxShownName is the length, in bytes, up to which a name may be repeated to people.
const maxShownName = 64

// words is a name made of words and small numbers: what people call members. Random
// strings mix digits and letters, and do not fit.
var words = regexp.MustCompile(`^[A-Za-z]+[0-9]{0,3}([_-][A-Za-z]+[0-9]{0,3})*$`)

// showable tells whether a name that somebody sent may be repeated to people. What
// does not look like a name may be a secret pasted into the wrong place.
func showable(name string) bool { return len(name) <= maxShownName && words.MatchString(name) }

// shown returns the name in quotes with a space before it, or nothing at all where
// it may not be repeated.
func shown(name string) string {
	if !showable(name) {
		return ""
	}
	return fmt.Sprintf(" %q", name)
}
