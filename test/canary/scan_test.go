package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"unicode/utf16"
	"unicode/utf8"
)

// form is a secret as something may have written it.
type form struct {
	secret, encoding string
	text             []byte
}

// prefix is so much of a form as it is looked up by; no form is shorter.
type prefix [8]byte

// scanner knows secrets in every form. It may be added to while it looks.
type scanner struct {
	mu    sync.Mutex
	forms map[prefix][]form
	// begins has how every form begins: at most places of a text nothing does.
	begins [1 << beginBits]bool
}

// beginBits is how many bits of a hash of the first four bytes are looked at.
const beginBits = 20

// begin is a multiplicative hash of the text's first four bytes.
func begin(text []byte) uint32 { return binary.BigEndian.Uint32(text) * 2654435761 >> (32 - beginBits) }

// pieceLength is how much of a random secret is looked for at either end of its parts:
// enough to be no accident, and little enough to be found where the rest was cut off.
const pieceLength = 24

// addPieces makes the scanner look for a random secret, which carries no marker, by the
// ends of its parts: tokens have dots between them.
func (s *scanner) addPieces(name, secret string) {
	for part := range strings.SplitSeq(secret, ".") {
		if len(part) < pieceLength {
			continue
		}
		s.add(name, []byte(part[:pieceLength]))
		s.add(name, []byte(part[len(part)-pieceLength:]))
	}
}

// add makes the scanner look for a secret of the name; it should have 16 bytes or more.
func (s *scanner) add(name string, secret []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forms == nil {
		s.forms = map[prefix][]form{}
	}
	put := func(encoding string, text []byte) {
		start := prefix(text[:len(prefix{})])
		if !slices.ContainsFunc(s.forms[start], func(f form) bool { return f.secret == name && bytes.Equal(f.text, text) }) {
			s.forms[start] = append(s.forms[start], form{name, encoding, text})
			s.begins[begin(text)] = true
		}
	}
	put("plain", secret)
	put("upper case", bytes.ToUpper(secret))
	put("lower case", bytes.ToLower(secret))
	put("reversed", reversed(secret))
	for offset := range 3 {
		put(fmt.Sprintf("base64 at offset %d", offset), base64At(base64.RawStdEncoding, secret, offset))
		put(fmt.Sprintf("base64url at offset %d", offset), base64At(base64.RawURLEncoding, secret, offset))
	}
	put("hex", []byte(hex.EncodeToString(secret)))
	put("HEX", []byte(strings.ToUpper(hex.EncodeToString(secret))))
	for encoding, one := range map[string]string{
		"spaced hex": "%02x ", "bytes as Go code": "0x%x, ", "bytes as Go prints them": "%d ", "bytes as a JSON list": "%d,",
		"percent-encoded": "%%%02X", "percent-encoded in lower case": "%%%02x", "escaped bytes": `\x%02x`,
	} {
		put(encoding, eachByte(one, secret))
	}
	put("query", []byte(url.QueryEscape(string(secret))))
	put("path", []byte(url.PathEscape(string(secret))))
	if !utf8.Valid(secret) {
		return
	}
	put("JSON", insideJSON(string(secret)))
	for _, one := range []string{`\u%04x`, `\u%04X`} {
		put("JSON "+one, eachUnit(secret, func(b []byte, u uint16) []byte { return fmt.Appendf(b, one, u) }))
	}
	put("UTF-16 LE", eachUnit(secret, func(b []byte, u uint16) []byte { return append(b, byte(u), byte(u>>8)) }))
	put("UTF-16 BE", eachUnit(secret, func(b []byte, u uint16) []byte { return append(b, byte(u>>8), byte(u)) }))
}

// find returns what there is of secrets in the text: "name (encoding)" each.
func (s *scanner) find(text []byte) (found []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found = s.look(text)
	// Line breaks, those within JSON strings too, part what was encoded in lines.
	joined := text
	for _, lineBreak := range []string{"\r", "\n", `\r`, `\n`} {
		joined = bytes.ReplaceAll(joined, []byte(lineBreak), nil)
	}
	if len(joined) != len(text) {
		found = append(found, s.look(joined)...)
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// look goes through the text once, however many forms there are. The caller holds the lock,
// and the race detector would take most of the time.
//
//go:norace
func (s *scanner) look(text []byte) (found []string) {
	for ; len(text) >= len(prefix{}); text = text[1:] {
		if !s.begins[begin(text)] {
			continue
		}
		for _, f := range s.forms[prefix(text[:len(prefix{})])] {
			if bytes.HasPrefix(text, f.text) {
				found = append(found, f.secret+" ("+f.encoding+")")
			}
		}
	}
	return found
}

// base64At returns the characters that the secret alone decides in the base64 of
// something in which it begins at that offset, modulo 3.
func base64At(e *base64.Encoding, secret []byte, offset int) []byte {
	encoded := e.EncodeToString(append(make([]byte, offset), secret...))
	// Six bits a character: the first ones hold bits of what stands before, the last one
	// of what follows.
	first, end := (8*offset+5)/6, 8*(offset+len(secret))/6
	return []byte(encoded[first:end])
}

// eachByte formats every byte, and takes off the separator that the last one ends with.
func eachByte(one string, secret []byte) (out []byte) {
	for _, b := range secret {
		out = fmt.Appendf(out, one, b)
	}
	return bytes.TrimRight(out, ", ")
}

func eachUnit(secret []byte, add func([]byte, uint16) []byte) (out []byte) {
	for _, u := range utf16.Encode([]rune(string(secret))) {
		out = add(out, u)
	}
	return out
}

// insideJSON returns the text as it stands between a JSON string's quotes.
func insideJSON(text string) []byte {
	encoded, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always encodes
	}
	return encoded[1 : len(encoded)-1]
}

func reversed(b []byte) []byte {
	b = bytes.Clone(b)
	slices.Reverse(b)
	return b
}
