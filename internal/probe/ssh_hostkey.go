package probe

import (
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/sshkey"
)

// maxHostKeys and maxHostKey are the definition's bounds.
const (
	maxHostKeys = 20
	maxHostKey  = 8192
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

// pinned returns the keys that the server at the host and port may show: those that were
// given, or else the one that it has shown before. A line that cannot be read is never
// taken for none; one about another server is.
func pinned(s SFTP, host string, port int) (hostKeys, error) {
	var pins hostKeys
	if len(s.HostKeys) > 0 {
		if !pins.addAll(s.HostKeys) {
			return hostKeys{}, &Failure{CodeHostKey, "The host key cannot be read; send lines of known_hosts or SHA256 fingerprints, 20 at most"}
		}
		return pins, nil
	}
	if s.KnownHost == "" {
		return pins, nil
	}
	known, err := sshkey.ParseKnownHost(s.KnownHost)
	if err != nil || len(s.KnownHost) > maxHostKey {
		return hostKeys{}, &Failure{CodeHostKey, "The host key of the first connection cannot be read any more; store the server's as host_key"}
	}
	if known.Is(host, port) {
		pins.add(known.Key)
	}
	return pins, nil
}

// addAll pins the lines; false where one cannot be read.
func (k *hostKeys) addAll(lines []string) bool {
	if len(lines) > maxHostKeys {
		return false
	}
	for _, line := range lines {
		key, err := sshkey.ParseHostKey(strings.TrimSpace(line))
		if err != nil || len(line) > maxHostKey {
			return false
		}
		k.add(key)
	}
	return true
}

func (k *hostKeys) add(key sshkey.HostKey) {
	k.fingerprints = append(k.fingerprints, key.Fingerprint)
	if key.Type == "" {
		k.typeless = true
		return
	}
	k.types = append(k.types, key.Type)
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
