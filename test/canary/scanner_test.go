package canary_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// A secret with everything that encodings treat in a way of their own.
const planted = `canary-0f1e2d3c4b5a6978 "\<&>+/=é~?`

// plantings hide a secret as programs do, with the real encoders and none of the
// scanner's own.
var plantings = map[string]func(secret string) []byte{
	"plain":                    func(s string) []byte { return []byte(s) },
	"upper case":               func(s string) []byte { return []byte(strings.ToUpper(s)) },
	"lower case":               func(s string) []byte { return []byte(strings.ToLower(s)) },
	"base64, padded":           func(s string) []byte { return []byte(base64.StdEncoding.EncodeToString([]byte(s))) },
	"base64, raw":              func(s string) []byte { return []byte(base64.RawStdEncoding.EncodeToString([]byte(s))) },
	"base64url, padded":        func(s string) []byte { return []byte(base64.URLEncoding.EncodeToString([]byte(s))) },
	"base64url, raw":           func(s string) []byte { return []byte(base64.RawURLEncoding.EncodeToString([]byte(s))) },
	"PEM":                      func(s string) []byte { return pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: []byte(s)}) },
	"PEM in JSON":              func(s string) []byte { return mustJSON(string(pem.EncodeToMemory(&pem.Block{Bytes: []byte(s)}))) },
	"bytes in JSON":            func(s string) []byte { return mustJSON([]byte(s)) },
	"base64 in lines with CR":  func(s string) []byte { return inLines(base64.StdEncoding.EncodeToString([]byte(s)), "\r\n") },
	"hex":                      func(s string) []byte { return []byte(hex.EncodeToString([]byte(s))) },
	"HEX":                      func(s string) []byte { return fmt.Appendf(nil, "%X", s) },
	"hex with spaces":          func(s string) []byte { return fmt.Appendf(nil, "% x", s) },
	"a slice as Go prints it":  func(s string) []byte { return fmt.Appendf(nil, "%v", []byte(s)) },
	"a slice as Go code":       func(s string) []byte { return fmt.Appendf(nil, "%#v", []byte(s)) },
	"quoted":                   func(s string) []byte { return fmt.Appendf(nil, "%q", s) },
	"a query":                  func(s string) []byte { return []byte(url.Values{"k": {s}}.Encode()) },
	"a path":                   func(s string) []byte { return []byte((&url.URL{Path: "/" + s}).EscapedPath()) },
	"JSON":                     func(s string) []byte { return mustJSON(s) },
	"JSON in JSON":             func(s string) []byte { return mustJSON(string(mustJSON(map[string]string{"k": s}))) },
	"JavaScript":               func(s string) []byte { return []byte(template.JSEscapeString(s)) },
	"UTF-16, little endian":    func(s string) []byte { return inUTF16(s, binary.LittleEndian) },
	"UTF-16, big endian":       func(s string) []byte { return inUTF16(s, binary.BigEndian) },
	"percent-encoded, all":     func(s string) []byte { return everyByte("%%%02X", s) },
	"percent-encoded, all low": func(s string) []byte { return everyByte("%%%02x", s) },
	"JSON, all escaped":        func(s string) []byte { return everyByte(`\u%04x`, s) },
	"JSON, all escaped high":   func(s string) []byte { return everyByte(`\u%04X`, s) },
}

func mustJSON(v any) []byte {
	encoded, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and maps of them always encode
	}
	return encoded
}

func inLines(text, end string) (out []byte) {
	for line := range slices.Chunk([]byte(text), 7) {
		out = append(append(out, line...), end...)
	}
	return out
}

func inUTF16(s string, order binary.AppendByteOrder) (out []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		out = order.AppendUint16(out, u)
	}
	return out
}

func everyByte(one, s string) (out []byte) {
	for _, r := range s {
		out = fmt.Appendf(out, one, r)
	}
	return out
}

func TestScannerFindsWhatIsPlanted(t *testing.T) {
	// The marker is what every secret of the service carries: letters, digits, a hyphen.
	for _, secret := range []string{"canary-0f1e2d3c4b5a6978", planted} {
		var s scanner
		s.add("marker", []byte("canary-0f1e2d3c4b5a6978"))
		for name, plant := range plantings {
			// One after the other at every alignment, with company before and behind.
			for offset := range 4 {
				text := append([]byte("before "), plant(strings.Repeat("<", offset)+secret+"behind")...)
				if found := s.find(append(text, " behind"...)); len(found) == 0 {
					t.Errorf("%s at offset %d: not found in %q", name, offset, text)
				}
			}
		}
	}
}

func TestScannerFindsSecretsWithOddCharacters(t *testing.T) {
	secret := `pa"ss\w<o>r&d+/=%~ é?`
	var s scanner
	s.add("odd", []byte(secret))
	for _, name := range []string{"plain", "base64, raw", "base64url, raw", "hex", "HEX", "a query", "JSON", "UTF-16, little endian", "UTF-16, big endian"} {
		if len(s.find(plantings[name](secret))) == 0 {
			t.Errorf("%s: not found", name)
		}
	}
	raw := []byte{0, 255, 1, 254, 2, 253, 128, 127, 10, 13, 34, 92, 200, 100, 50, 25}
	s.add("raw", raw)
	for _, text := range [][]byte{raw, []byte(hex.EncodeToString(raw)), []byte(base64.StdEncoding.EncodeToString(raw)), fmt.Append(nil, raw)} {
		if len(s.find(text)) == 0 {
			t.Errorf("a key of raw bytes is not found in %q", text)
		}
	}
}

func TestScannerFindsNothingWhereThereIsNothing(t *testing.T) {
	var s scanner
	s.add("marker", []byte("canary-0f1e2d3c4b5a6978"))
	for name, plant := range plantings {
		// All but the same: a digit in the middle differs.
		text := bytes.Repeat(plant("canary-0f1e2d3d4b5a6978 canary-"), 3)
		if found := s.find(text); len(found) != 0 {
			t.Errorf("%s: found %v in %q", name, found, text)
		}
	}
}

func TestScannerFindsWhatIsLeftOfARandomSecret(t *testing.T) {
	token := "tok_" + strings.Repeat("Ab3-", 8) + "." + strings.Repeat("x_9Z", 8)
	var s scanner
	s.addPieces("token", token)
	for name, text := range map[string]string{
		"the beginning alone": token[:30], "the end alone": token[len(token)-30:], "its second part": token[strings.Index(token, ".")+1:],
		"one half in base64": base64.StdEncoding.EncodeToString([]byte("x" + token[:30])),
	} {
		if len(s.find([]byte("before "+text))) == 0 {
			t.Errorf("%s is not found", name)
		}
	}
	if found := s.find([]byte(token[10:30])); len(found) != 0 {
		t.Errorf("found %v in too little", found)
	}
}
