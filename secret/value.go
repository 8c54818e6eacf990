package secret

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
)

// Redacted is what a [Value] shows in place of its contents.
const Redacted = "[redacted]"

// Value is a secret in memory. The zero Value holds no bytes.
//
// The bytes stand behind a closure because fmt ignores the methods of values in
// unexported struct fields and would print a slice or string kept there.
type Value struct {
	reveal func() []byte
}

// New takes ownership of b: the caller must not use b afterwards.
func New(b []byte) Value {
	return Value{reveal: func() []byte { return b }}
}

// Reveal returns the secret itself, not a copy; nil for the zero Value. Few
// places may call it: the handler that answers a secrets read, the custody that
// seals, and tests.
func (v Value) Reveal() []byte {
	if v.reveal == nil {
		return nil
	}
	return v.reveal()
}

// Empty tells whether the value holds no bytes, without revealing any.
func (v Value) Empty() bool { return len(v.Reveal()) == 0 }

// Clone returns a Value with bytes of its own, which outlive the original's.
func (v Value) Clone() Value { return New(bytes.Clone(v.Reveal())) }

// Destroy overwrites the bytes with zeros. Copies made from Reveal are not
// reached; every copy of this Value is.
func (v Value) Destroy() { clear(v.Reveal()) }

// String returns [Redacted].
func (v Value) String() string { return Redacted }

// GoString returns [Redacted], for %#v.
func (v Value) GoString() string { return Redacted }

// Format writes [Redacted] for every verb and flag, those that fmt would
// otherwise answer by reflection (%x, %d, %p) among them.
func (v Value) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, Redacted) }

// LogValue returns [Redacted] to log/slog.
func (v Value) LogValue() slog.Value { return slog.StringValue(Redacted) }

// MarshalJSON returns [Redacted] as a JSON string.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(`"` + Redacted + `"`), nil }

// MarshalText returns [Redacted], for encoders that ask for text (XML, YAML, map keys).
func (v Value) MarshalText() ([]byte, error) { return []byte(Redacted), nil }

// MarshalBinary returns [Redacted], for encoding/gob and its like.
func (v Value) MarshalBinary() ([]byte, error) { return []byte(Redacted), nil }
