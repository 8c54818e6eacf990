package probe

import (
	"encoding/base64"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

const (
	// maxHostKeys and maxHostKey are the definition's bounds.
	maxHostKeys = 20
	maxHostKey  = 8192
	// fingerprintPrefix begins a fingerprint as ssh-keygen -l prints it.
	fingerprintPrefix = "SHA256:"
)

// hostKeyTypes lists the kinds of host keys that are taken, with the algorithms by which
// each signs (RFC 8332 for RSA, SHA-1 left out), the preferred ones first.
var hostKeyTypes = []struct {
	name       string
	algorithms []string
}{
	{ssh.KeyAlgoED25519, []string{ssh.KeyAlgoED25519}},
	{ssh.KeyAlgoECDSA256, []string{ssh.KeyAlgoECDSA256}},
	{ssh.KeyAlgoECDSA384, []string{ssh.KeyAlgoECDSA384}},
	{ssh.KeyAlgoECDSA521, []string{ssh.KeyAlgoECDSA521}},
	{ssh.KeyAlgoRSA, []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}},
}

// hostKeys are the keys that a server may show. None: any.
type hostKeys struct {
	// fingerprints are of all pinned keys, "SHA256:…" without padding.
	fingerprints []string
	// types are of the keys that were pinned whole.
	types []string
	// typeless tells that a fingerprint alone was pinned, which may be of any type.
	typeless bool
}

// changedKey is the error of a host key that is not pinned.
type changedKey struct{ found ssh.PublicKey }

func (*changedKey) Error() string { return "the host key is another" }

// readHostKeys reads fingerprints and lines of known_hosts or authorized_keys. The host of
// a line is passed over: the key was stored for this server, whatever name it had. ok is
// false where one cannot be read; it is never taken for none.
func readHostKeys(lines []string) (pins hostKeys, ok bool) {
	if len(lines) > maxHostKeys {
		return hostKeys{}, false
	}
	for _, line := range lines {
		if len(line) > maxHostKey || !pins.add(line) {
			return hostKeys{}, false
		}
	}
	return pins, true
}

func (k *hostKeys) add(line string) bool {
	if sum, ok := strings.CutPrefix(line, fingerprintPrefix); ok {
		sum = strings.TrimSuffix(sum, "=")
		b, err := base64.RawStdEncoding.Strict().DecodeString(sum)
		if err != nil || len(b) != 32 {
			return false
		}
		k.fingerprints = append(k.fingerprints, fingerprintPrefix+sum)
		k.typeless = true
		return true
	}
	fields := strings.Fields(line)
	if len(fields) > 0 && strings.HasPrefix(fields[0], "@") {
		return false
	}
	for skip := range min(2, len(fields)) {
		if key, ok := publicKey(fields[skip:]); ok {
			k.fingerprints = append(k.fingerprints, ssh.FingerprintSHA256(key))
			k.types = append(k.types, key.Type())
			return true
		}
	}
	return false
}

// publicKey reads a key that begins with its type and its base64.
func publicKey(fields []string) (ssh.PublicKey, bool) {
	if len(fields) < 2 {
		return nil, false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return nil, false
	}
	key, err := ssh.ParsePublicKey(blob)
	return key, err == nil && key.Type() == fields[0]
}

// check returns a *changedKey unless the key is pinned or none is.
func (k hostKeys) check(key ssh.PublicKey) error {
	if len(k.fingerprints) == 0 || slices.Contains(k.fingerprints, ssh.FingerprintSHA256(key)) {
		return nil
	}
	return &changedKey{found: key}
}

// algorithms returns what to ask the server for. The first of the list that it has is what
// it shows, and a server often has several keys: the pinned types come first.
//
// seen are the types whose keys turned out to be others; they are left out, and nothing is
// returned where no pin can fit another type.
func (k hostKeys) algorithms(seen []string) []string {
	var pinned, others []string
	for _, t := range hostKeyTypes {
		switch {
		case slices.Contains(seen, t.name):
		case slices.Contains(k.types, t.name):
			pinned = append(pinned, t.algorithms...)
		case len(seen) == 0 || k.typeless:
			others = append(others, t.algorithms...)
		}
	}
	return append(pinned, others...)
}
