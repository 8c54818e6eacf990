package catalog

import (
	"encoding/base64"
	"strings"

	"golang.org/x/crypto/ssh"
)

// fingerprintPrefix begins a fingerprint as ssh-keygen -l prints it.
const fingerprintPrefix = "SHA256:"

// checkHostKey accepts "type base64 [comment]", the same after a host's name as in
// known_hosts, and "SHA256:…". A marker (@revoked, @cert-authority) is refused: it
// would turn the meaning of the key around.
func checkHostKey(s string) error {
	const wrong = sentence("Must be a host's public key as in known_hosts (ssh-ed25519 AAAA…) or its fingerprint (SHA256:…)")
	if s == "" {
		return nil
	}
	if sum, ok := strings.CutPrefix(s, fingerprintPrefix); ok {
		if b, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimSuffix(sum, "=")); err != nil || len(b) != 32 {
			return wrong
		}
		return nil
	}
	if strings.ContainsAny(s, "\r\n") {
		return sentence("Must be one line; send a list where there are more keys")
	}
	fields := strings.Fields(s)
	if len(fields) > 0 && strings.HasPrefix(fields[0], "@") {
		return sentence("Must not begin with a marker such as @revoked or @cert-authority")
	}
	if isPublicKey(fields) || len(fields) > 1 && isPublicKey(fields[1:]) {
		return nil
	}
	return wrong
}

// isPublicKey tells whether the fields begin with a key's type and its base64.
func isPublicKey(fields []string) bool {
	if len(fields) < 2 {
		return false
	}
	blob, err := base64.StdEncoding.DecodeString(fields[1])
	if err != nil {
		return false
	}
	k, err := ssh.ParsePublicKey(blob)
	return err == nil && k.Type() == fields[0]
}
