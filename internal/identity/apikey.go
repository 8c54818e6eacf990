package identity

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/google/uuid"

	"strongroom/secret"
)

// The form of an API key:
//
//	saf_org_{organization: 8 hex}_{account: 8 hex}_{random: 43 base62}{checksum: 6 base62}
//	saf_sys_{account: 8 hex}_{random: 43 base62}{checksum: 6 base62}
//
// The ids' parts are their first digits. The random part is 32 random bytes as a
// number; the checksum is CRC-32 (IEEE) over everything before it, as a number.
const (
	keyMark        = "saf_"
	organizational = "saf_org_########_########_"
	systemWide     = "saf_sys_########_"
	randomBytes    = 32
	randomDigits   = 43
	checksumDigits = 6
	// shownDigits of the random part are kept to tell keys apart; 37 stay secret,
	// which is 220 bits.
	shownDigits = 6
	base62      = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

var errMistyped = errors.New("the API key is mistyped or cut off: its form or its checksum is wrong")

// NewAPIKey makes a key for an account of the organization; nil: a system account. It
// returns the token to be shown once, the prefix that identifies it to people (at most
// 40 characters), and the SHA-256 to be stored.
func NewAPIKey(organization *uuid.UUID, account uuid.UUID) (token secret.Value, prefix string, hash [32]byte, err error) {
	if account == uuid.Nil || organization != nil && *organization == uuid.Nil {
		return secret.Value{}, "", [32]byte{}, errors.New("an API key needs the ids of its account and organization")
	}
	random := make([]byte, randomBytes)
	if _, err := rand.Read(random); err != nil {
		return secret.Value{}, "", [32]byte{}, fmt.Errorf("generate API key: %w", err)
	}
	front := keyFront(organization, account)
	text := make([]byte, 0, len(front)+randomDigits+checksumDigits)
	text = append(text, front...)
	text = appendBase62(text, random, randomDigits)
	prefix = string(text[:len(front)+shownDigits])
	text = appendChecksum(text, text)
	return secret.New(text), prefix, sha256.Sum256(text), nil
}

// HashAPIKey returns the SHA-256 that a key is looked up by. A token without the form
// and checksum of a key is an error that says so and holds nothing of the token.
func HashAPIKey(token string) ([32]byte, error) {
	if !wellFormed(token) {
		return [32]byte{}, errMistyped
	}
	return sha256.Sum256([]byte(token)), nil
}

func wellFormed(token string) bool {
	for _, form := range []string{organizational, systemWide} {
		if len(token) == len(form)+randomDigits+checksumDigits && fits(token[:len(form)], form) {
			body := len(token) - checksumDigits
			return strings.Trim(token[len(form):body], base62) == "" &&
				token[body:] == string(appendChecksum(nil, []byte(token[:body])))
		}
	}
	return false
}

// fits tells whether s is the form, with a lower case hex digit for every #.
func fits(s, form string) bool {
	for i := range len(form) {
		if form[i] == '#' && strings.IndexByte("0123456789abcdef", s[i]) < 0 || form[i] != '#' && s[i] != form[i] {
			return false
		}
	}
	return true
}

// keyFront returns everything before the random part.
func keyFront(organization *uuid.UUID, account uuid.UUID) string {
	if organization == nil {
		return "saf_sys_" + hex.EncodeToString(account[:4]) + "_"
	}
	return "saf_org_" + hex.EncodeToString(organization[:4]) + "_" + hex.EncodeToString(account[:4]) + "_"
}

func appendChecksum(to, text []byte) []byte {
	return appendBase62(to, binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(text)), checksumDigits)
}

// appendBase62 appends a big endian number in that many digits, with leading zeros. It
// divides the number away: n is all zeros afterwards.
func appendBase62(to, n []byte, digits int) []byte {
	end := len(to) + digits
	to = append(to, make([]byte, digits)...)
	for i := end - 1; i >= end-digits; i-- {
		remainder := 0
		for j, b := range n {
			dividend := remainder<<8 | int(b)
			n[j], remainder = byte(dividend/len(base62)), dividend%len(base62)
		}
		to[i] = base62[remainder]
	}
	return to
}
