package far

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// entry is a line of authorized_keys that holds a key (sshd(8), AUTHORIZED_KEYS FILE
// FORMAT).
type entry struct {
	// begin and end are where the line is, its break left out; next is where the next begins.
	begin, end, next int
	blob             []byte
	// options stand before the key; "" where there are none.
	options string
	// authority tells that the key signs certificates, and does not itself sign in.
	authority bool
}

// entries reads a file. Comments, empty lines and what sshd would pass over are none.
func entries(file []byte) (found []entry) {
	for begin, next := 0, 0; begin < len(file); begin = next {
		next = len(file)
		if i := bytes.IndexByte(file[begin:], '\n'); i >= 0 {
			next = begin + i + 1
		}
		line := bytes.TrimRight(file[begin:next], "\r\n")
		key, _, options, _, err := ssh.ParseAuthorizedKey(line)
		if err != nil {
			continue
		}
		found = append(found, entry{
			begin: begin, end: begin + len(line), next: next,
			blob: key.Marshal(), options: strings.Join(options, ","),
			authority: slices.ContainsFunc(options, func(o string) bool { return strings.EqualFold(o, "cert-authority") }),
		})
	}
	return found
}

// opens tells whether the entry lets the key sign in.
func (e entry) opens(blob []byte) bool { return !e.authority && bytes.Equal(e.blob, blob) }

// addition returns what is to be written after the file's end for the key to sign in; nil
// where it does. Restrictions hold on: the new key gets the options of each line of the
// present one's, "" where it has none or is nil.
func addition(file, key, present []byte, line string) []byte {
	var options []string
	for _, e := range entries(file) {
		switch {
		case e.opens(key):
			return nil
		case e.opens(present) && !slices.Contains(options, e.options):
			options = append(options, e.options)
		}
	}
	if len(options) == 0 {
		options = []string{""}
	}
	end := "\n"
	if i := bytes.IndexByte(file, '\n'); i > 0 && file[i-1] == '\r' {
		end = "\r\n"
	}
	var out strings.Builder
	if len(file) > 0 && file[len(file)-1] != '\n' {
		out.WriteString(end)
	}
	for _, o := range options {
		if o != "" {
			o += " "
		}
		out.WriteString(o + line + end)
	}
	return []byte(out.String())
}

// removal returns the entries of the old key; ok is false where the kept one does not sign
// in.
func removal(file, old, kept []byte) (found []entry, ok bool) {
	for _, e := range entries(file) {
		if bytes.Equal(e.blob, old) {
			found = append(found, e)
		}
		ok = ok || e.opens(kept)
	}
	return found, ok && !bytes.Equal(old, kept)
}

// without returns the file without the entries.
func without(file []byte, removed []entry) []byte {
	out, done := make([]byte, 0, len(file)), 0
	for _, e := range removed {
		out = append(out, file[done:e.begin]...)
		done = e.next
	}
	return append(out, file[done:]...)
}

var errPublic = errors.New("the public key is no line of authorized_keys")

// publicBlob reads a public key as a line of authorized_keys without options.
func publicBlob(line string) (ssh.PublicKey, error) {
	key, _, options, rest, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil || len(options) > 0 || len(rest) > 0 {
		return nil, errPublic
	}
	return key, nil
}
