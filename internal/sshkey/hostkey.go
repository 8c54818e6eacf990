package sshkey

import (
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

// fingerprintPrefix begins a fingerprint as ssh-keygen -l prints it.
const fingerprintPrefix = "SHA256:"

// HostKey is a key that a server may show.
type HostKey struct {
	// Fingerprint is "SHA256:…", without padding.
	Fingerprint string
	// Type is the key's, "ssh-ed25519"; "" where the fingerprint alone is known.
	Type string
}

// ParseHostKey reads "type base64 [comment]", the same after a host's name as in
// known_hosts, and "SHA256:…". The host of a line is passed over: the key was stored for
// its server, whatever name it had. A marker (@revoked, @cert-authority) is refused: it
// would turn the meaning of the key around. Its errors are Problems.
func ParseHostKey(line string) (HostKey, error) {
	if sum, ok := strings.CutPrefix(line, fingerprintPrefix); ok {
		sum = strings.TrimSuffix(sum, "=")
		if b, err := base64.RawStdEncoding.Strict().DecodeString(sum); err != nil || len(b) != 32 {
			return HostKey{}, ErrHostKey
		}
		return HostKey{Fingerprint: fingerprintPrefix + sum}, nil
	}
	if strings.ContainsAny(line, "\r\n") {
		return HostKey{}, ErrHostKeyLines
	}
	fields := strings.Fields(line)
	if len(fields) > 0 && strings.HasPrefix(fields[0], "@") {
		return HostKey{}, ErrHostKeyMarker
	}
	for skip := range min(2, len(fields)) {
		if key, ok := publicKey(fields[skip:]); ok {
			return HostKey{Fingerprint: ssh.FingerprintSHA256(key), Type: key.Type()}, nil
		}
	}
	return HostKey{}, ErrHostKey
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
