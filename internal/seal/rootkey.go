package seal

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"strongroom/secret"
)

// The text form of a root key, on one line:
//
//	strongroom-root-1:<base64url without padding of: 32 bytes of key, 4 of checksum>
//
// The checksum is the start of SHA-256 over the prefix and the key. It tells a
// mistyped or cut-off key from a wrong one.
const (
	rootPrefix      = "strongroom-root-1:"
	rootSize        = 32
	checksumSize    = 4
	rootEncodedSize = (rootSize + checksumSize) / 3 * 4
)

var rootEncoding = base64.RawURLEncoding.Strict()

// GenerateRootKey returns a new root key in its text form, with a newline.
func GenerateRootKey() (secret.Value, error) {
	raw := make([]byte, rootSize, rootSize+checksumSize)
	defer clear(raw[:cap(raw)])
	if _, err := rand.Read(raw); err != nil {
		return secret.Value{}, fmt.Errorf("generate root key: %w", err)
	}
	sum := rootChecksum(raw)
	text := make([]byte, 0, len(rootPrefix)+rootEncodedSize+1)
	text = append(text, rootPrefix...)
	text = rootEncoding.AppendEncode(text, append(raw, sum[:]...))
	return secret.New(append(text, '\n')), nil
}

// ParseRootKey returns the 32 bytes that a root key's text form stands for. White
// space around it is ignored. Errors say what is wrong and hold none of the text.
func ParseRootKey(text []byte) (secret.Value, error) {
	text = bytes.TrimSpace(text)
	if len(text) == 0 {
		return secret.Value{}, errors.New("root key is empty; " + makeOne)
	}
	encoded, found := bytes.CutPrefix(text, []byte(rootPrefix))
	if !found {
		return secret.Value{}, fmt.Errorf("root key does not begin with %q; %s", rootPrefix, makeOne)
	}
	if len(encoded) != rootEncodedSize {
		return secret.Value{}, fmt.Errorf("root key has %d characters after %q and should have %d: it was cut off or added to", len(encoded), rootPrefix, rootEncodedSize)
	}
	raw := make([]byte, rootSize+checksumSize)
	// The decoder skips line breaks, hence the look at n too.
	n, err := rootEncoding.Decode(raw, encoded)
	if err != nil || n != len(raw) {
		clear(raw)
		return secret.Value{}, errors.New("root key has characters that are not base64url: it was changed")
	}
	sum := rootChecksum(raw[:rootSize])
	if subtle.ConstantTimeCompare(sum[:], raw[rootSize:]) != 1 {
		clear(raw)
		return secret.Value{}, errors.New("root key has a wrong checksum: it was mistyped or changed")
	}
	return secret.New(raw[:rootSize:rootSize]), nil
}

func rootChecksum(key []byte) (sum [checksumSize]byte) {
	h := sha256.New()
	h.Write([]byte(rootPrefix))
	h.Write(key)
	copy(sum[:], h.Sum(nil))
	return sum
}
