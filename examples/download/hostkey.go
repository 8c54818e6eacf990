package main

import (
	"encoding/json"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// hostKeyKinds are the algorithms of each kind of host key, SHA-1 left out.
var hostKeyKinds = [][]string{
	{ssh.KeyAlgoED25519},
	{ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521},
	{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
}

var (
	errNoHostKey = errors.New("nothing says which host key the server has, so nothing was sent to it; store the credential with host_key (ssh-keyscan shows it, its operator confirms it), " +
		"or have Strongroom test it (POST /api/integrations/credentials/ID/test), which keeps the key it sees")
	errHostKey = errors.New("the credential's host_key cannot be read; store a line of known_hosts or a SHA256 fingerprint")
)

// hostKeys are the fingerprints of the keys that the server may show, at least one.
type hostKeys []string

// untrusted is the error of another key.
type untrusted struct{ fingerprint string }

func (*untrusted) Error() string { return "the host key is another" }

// check runs before anything that signs in is sent, the user's name included.
func (k hostKeys) check(key ssh.PublicKey) error {
	if shown := ssh.FingerprintSHA256(key); !slices.Contains(k, shown) {
		return &untrusted{shown}
	}
	return nil
}

// trusted reads the credential's own lines or, where it has none, the line that Strongroom
// keeps of the server at the host and port. One that is about another server says nothing.
func trusted(lines []string, knownHost, host string, port int) (keys hostKeys, err error) {
	if len(lines) == 0 && knownHost != "" {
		name, rest, _ := strings.Cut(knownHost, " ")
		if !sameHost(name, host, port) {
			return nil, errNoHostKey
		}
		lines = []string{rest}
	}
	if len(lines) == 0 {
		return nil, errNoHostKey
	}
	for _, line := range lines {
		fingerprint, err := fingerprintOf(line)
		if err != nil {
			return nil, err
		}
		keys = append(keys, fingerprint)
	}
	return keys, nil
}

// fingerprintOf reads "SHA256:…", "ssh-ed25519 AAAA…", and the latter after a host's name.
func fingerprintOf(line string) (string, error) {
	line = strings.TrimSpace(line)
	if strings.HasPrefix(line, "SHA256:") {
		return strings.TrimRight(line, "="), nil
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	// A marker such as @revoked would turn the meaning around.
	if err != nil || strings.HasPrefix(line, "@") {
		return "", errHostKey
	}
	return ssh.FingerprintSHA256(key), nil
}

// sameHost tells whether a name of known_hosts, "host" or "[host]:port", is the server's.
func sameHost(name, host string, port int) bool {
	known, digits, err := net.SplitHostPort(name)
	if !strings.HasPrefix(name, "[") || err != nil {
		known, digits = name, "22"
	}
	return strings.EqualFold(known, strings.TrimSuffix(host, ".")) && digits == strconv.Itoa(port)
}

// oneOrMore is a string or a list of them.
type oneOrMore []string

// UnmarshalJSON accepts both.
func (l *oneOrMore) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*l = nil
		if one != "" {
			*l = oneOrMore{one}
		}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(l))
}
