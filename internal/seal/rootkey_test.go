package seal_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"strongroom/internal/seal"
)

const rootPrefix = "strongroom-root-1:"

func mustGenerate(t testing.TB) []byte {
	t.Helper()
	text, err := seal.GenerateRootKey()
	if err != nil {
		t.Fatal(err)
	}
	return text.Reveal()
}

func TestParseRootKeyRefuses(t *testing.T) {
	good := strings.TrimSpace(string(mustGenerate(t)))
	encoded := strings.TrimPrefix(good, rootPrefix)
	for _, c := range []struct{ name, text, says string }{
		{"nothing", "", "strongroom keys generate"},
		{"white space alone", " \n\t", "is empty"},
		{"the encoded part alone", encoded, "does not begin with"},
		{"another version's prefix", strings.Replace(good, "-1:", "-2:", 1), "does not begin with"},
		{"the prefix alone", rootPrefix, "0 characters"},
		{"a key that was cut off", good[:len(good)-1], "cut off"},
		{"a key with a character more", good + "A", "added to"},
		{"two keys", good + "\n" + good, "added to"},
		{"a space within", good[:30] + " " + good[31:], "not base64url"},
		{"a line break within", good[:30] + "\n" + good[31:], "not base64url"},
		{"the other base64 alphabet", good[:30] + "+" + good[31:], "not base64url"},
		{"padding", good[:len(good)-1] + "=", "not base64url"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, err := seal.ParseRootKey([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("got %v, want an error that says %q", err, c.says)
			}
			if !key.Empty() {
				t.Error("a key came with the error")
			}
			if strings.Contains(err.Error(), encoded[:8]) {
				t.Error("the error shows the key")
			}
		})
	}
}

func TestParseRootKeyRefusesEveryChangedCharacter(t *testing.T) {
	good := bytes.TrimSpace(mustGenerate(t))
	for i := len(rootPrefix); i < len(good); i++ {
		changed := bytes.Clone(good)
		changed[i] = 'A'
		if good[i] == 'A' {
			changed[i] = 'B'
		}
		if _, err := seal.ParseRootKey(changed); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Errorf("character %d: got %v, want an error about the checksum", i, err)
		}
	}
}

func TestGeneratedRootKeysParseAndDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 20 {
		text := mustGenerate(t)
		if bytes.Count(text, []byte("\n")) != 1 || text[len(text)-1] != '\n' {
			t.Fatal("the text form is not one line with a newline")
		}
		key, err := seal.ParseRootKey(text)
		if err != nil {
			t.Fatal(err)
		}
		if len(key.Reveal()) != 32 {
			t.Fatalf("the key has %d bytes, want 32", len(key.Reveal()))
		}
		seen[string(key.Reveal())] = true
	}
	if len(seen) != 20 {
		t.Errorf("%d different keys of 20", len(seen))
	}
}

func TestParseRootKeyIgnoresWhiteSpaceAround(t *testing.T) {
	text := mustGenerate(t)
	want, err := seal.ParseRootKey(text)
	if err != nil {
		t.Fatal(err)
	}
	got, err := seal.ParseRootKey([]byte(fmt.Sprintf("\r\n  %s\r\n", text)))
	if err != nil || !bytes.Equal(got.Reveal(), want.Reveal()) {
		t.Errorf("another key came back, error %v", err)
	}
}

func FuzzParseRootKey(f *testing.F) {
	f.Add(goldenRoot)
	f.Add(rootPrefix)
	f.Add(rootPrefix + strings.Repeat("A", 48))
	f.Add(rootPrefix + strings.Repeat("\n", 48))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		before := text
		key, err := seal.ParseRootKey([]byte(text))
		if err == nil && len(key.Reveal()) != 32 {
			t.Errorf("accepted a key of %d bytes", len(key.Reveal()))
		}
		if err != nil && !key.Empty() {
			t.Error("a key came with the error")
		}
		if text != before {
			t.Error("the input was changed")
		}
	})
}
