package api

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// SecretObject is a JSON object of secret data on its way over the wire. It is sent and
// received as it is, and prints and logs as [redacted].
type SecretObject []byte

const redacted = "[redacted]"

// MarshalJSON returns the object as it is; null where it is empty.
func (o SecretObject) MarshalJSON() ([]byte, error) {
	if len(o) == 0 {
		return []byte("null"), nil
	}
	return o, nil
}

// UnmarshalJSON keeps a copy of the bytes.
func (o *SecretObject) UnmarshalJSON(b []byte) error {
	if o == nil {
		return errors.New("api: SecretObject is nil")
	}
	*o = append((*o)[:0], b...)
	return nil
}

// String returns [redacted].
func (o SecretObject) String() string { return redacted }

// GoString returns [redacted].
func (o SecretObject) GoString() string { return redacted }

// Format writes [redacted] for every verb.
func (o SecretObject) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// LogValue returns [redacted].
func (o SecretObject) LogValue() slog.Value { return slog.StringValue(redacted) }

// SecretString is a token on its way over the wire: sent as a JSON string, printed and
// logged as [redacted].
type SecretString string

// String returns [redacted].
func (s SecretString) String() string { return redacted }

// GoString returns [redacted].
func (s SecretString) GoString() string { return redacted }

// Format writes [redacted] for every verb.
func (s SecretString) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue returns [redacted].
func (s SecretString) LogValue() slog.Value { return slog.StringValue(redacted) }
