package far

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"strongroom/secret"
)

const (
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	// passwordLength letters and digits hold 196 bits; one less would hold 190.
	passwordLength = 33

	// scramRounds and scramSalt, in bytes, are PostgreSQL's own choice.
	scramRounds = 4096
	scramSalt   = 16
	// maxPassword bounds a password, in bytes; the catalog's schema says the same.
	maxPassword = 1024
)

// NewPassword returns 33 random letters and digits, at least 192 bits, which need no
// quoting anywhere.
func NewPassword() secret.Value {
	password := make([]byte, 0, passwordLength)
	var random [1]byte
	for len(password) < passwordLength {
		// It does not fail: without randomness the process ends.
		_, _ = rand.Read(random[:])
		// Of the numbers below 256, the last four would make some characters likelier.
		if n := int(random[0]); n < 256-256%len(alphabet) {
			password = append(password, alphabet[n%len(alphabet)])
		}
	}
	return secret.New(password)
}

// Verifier returns what PostgreSQL keeps of a password: "SCRAM-SHA-256$4096:salt$StoredKey:ServerKey"
// (RFC 5802, section 3; RFC 7677), by which a password is set without being told. It returns
// an error for an empty password and for one that is not printable ASCII, which would have to
// be prepared first (SASLprep, RFC 4013).
func Verifier(password secret.Value) (string, error) {
	text := string(password.Reveal())
	if text == "" || len(text) > maxPassword {
		return "", errors.New("the new password is empty or too long")
	}
	for _, b := range []byte(text) {
		if b < ' ' || b > '~' {
			return "", errors.New("the new password is not of printable ASCII characters")
		}
	}
	salt := make([]byte, scramSalt)
	_, _ = rand.Read(salt)
	salted, err := pbkdf2.Key(sha256.New, text, salt, scramRounds, sha256.Size)
	if err != nil {
		return "", fmt.Errorf("deriving the verifier: %w", err)
	}
	defer clear(salted)
	stored := sha256.Sum256(keyed(salted, "Client Key"))
	base := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("SCRAM-SHA-256$%d:%s$%s:%s", scramRounds, base(salt), base(stored[:]), base(keyed(salted, "Server Key"))), nil
}

func keyed(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}
