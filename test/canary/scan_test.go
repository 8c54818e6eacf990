package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// form is a secret as something may have written it.
type form struct {
	secret, encoding string
	text             []byte
}

// scanner knows secrets in every form.
type scanner struct{ forms []form }

// add makes the scanner look for a secret of the name; it should have 16 bytes or more.
func (s *scanner) add(name string, secret []byte) {
	put := func(encoding string, text []byte) {
		if !slices.ContainsFunc(s.forms, func(f form) bool { return f.secret == name && bytes.Equal(f.text, text) }) {
			s.forms = append(s.forms, form{name, encoding, text})
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
	// Line breaks, those within JSON strings too, part what was encoded in lines.
	joined := text
	for _, lineBreak := range []string{"\r", "\n", `\r`, `\n`} {
		joined = bytes.ReplaceAll(joined, []byte(lineBreak), nil)
	}
	for _, f := range s.forms {
		if bytes.Contains(text, f.text) || bytes.Contains(joined, f.text) {
			found = append(found, f.secret+" ("+f.encoding+")")
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
