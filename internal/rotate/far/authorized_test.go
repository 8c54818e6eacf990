package far

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Three keys, and what stands between them.
const (
	oldKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1XOgV1GBYL7EUkTOdScKT/8tL/JOaxneZOxiHlq6PW"
	otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPeXf/SOHVHcM8Yr4DJ1dZ7pUylnQzWjfO5rUrPjMTQP"
	newKey   = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm"
)

func blob(t testing.TB, line string) []byte {
	t.Helper()
	key, err := publicBlob(line)
	if err != nil {
		t.Fatal(err)
	}
	return key.Marshal()
}

func TestAKeyIsAddedToWhatIsThere(t *testing.T) {
	const restricted = `from="10.0.0.0/8,!10.1.0.0/16",command="internal-sftp -d \"/in\"",restrict `
	for name, c := range map[string]struct{ file, more string }{
		"to an empty file":                       {"", newKey + " me\n"},
		"after the others":                       {"# mine\n" + otherKey + " a comment\n\n", newKey + " me\n"},
		"after a last line without a break":      {otherKey, "\n" + newKey + " me\n"},
		"with the file's own line breaks":        {"# mine\r\n" + otherKey + "\r\n", newKey + " me\r\n"},
		"after a last line of Windows, no break": {"# mine\r\n" + otherKey, "\r\n" + newKey + " me\r\n"},
		"with the options of the present one":    {restricted + oldKey + "\n", restricted + newKey + " me\n"},
		"once for each of the present one's options": {"restrict " + oldKey + "\nfrom=\"a\" " + oldKey + "\nrestrict " + oldKey + " again\n",
			"restrict " + newKey + " me\nfrom=\"a\" " + newKey + " me\n"},
		"not with another's options":           {"restrict " + otherKey + "\n" + oldKey + "\n", newKey + " me\n"},
		"not with an authority's options":      {"cert-authority,restrict " + oldKey + "\n", newKey + " me\n"},
		"not where it is":                      {newKey + "\n", ""},
		"not where it is under a name":         {"restrict " + newKey + " other", ""},
		"but where it is a comment":            {"#" + newKey + "\n", newKey + " me\n"},
		"but where it signs certificates only": {"cert-authority " + newKey + "\n", newKey + " me\n"},
		"beside lines that are no keys":        {"ssh-ed25519 AAAA\n\x00\xff\n", newKey + " me\n"},
	} {
		t.Run(name, func(t *testing.T) {
			more := addition([]byte(c.file), blob(t, newKey), blob(t, oldKey), newKey+" me")
			if string(more) != c.more {
				t.Errorf("got %q, want %q", more, c.more)
			}
		})
	}
}

func TestAKeyIsTakenOut(t *testing.T) {
	for name, c := range map[string]struct {
		file, left string
		ok         bool
	}{
		"of the others":                       {"# a\n" + oldKey + " me\n\n" + newKey + "\n" + otherKey, "# a\n\n" + newKey + "\n" + otherKey, true},
		"with its options":                    {`from="a b",restrict ` + oldKey + "\n" + newKey + "\n", newKey + "\n", true},
		"wherever it is":                      {oldKey + "\n" + newKey + "\n  " + oldKey + " again", newKey + "\n", true},
		"with its line break of Windows":      {newKey + "\r\n" + oldKey + "\r\n" + otherKey + "\r\n", newKey + "\r\n" + otherKey + "\r\n", true},
		"where it signs certificates":         {newKey + "\ncert-authority " + oldKey + "\n", newKey + "\n", true},
		"not where it is a comment":           {newKey + "\n#" + oldKey + "\n", newKey + "\n#" + oldKey + "\n", true},
		"not where the new one is not there":  {oldKey + "\n" + otherKey + "\n", "", false},
		"not where the new one is a comment":  {oldKey + "\n# " + newKey + "\n", "", false},
		"not where the new one is no sign-in": {oldKey + "\ncert-authority " + newKey + "\n", "", false},
		"not of an empty file":                {"", "", false},
		"where it was taken out already":      {newKey + "\n", newKey + "\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			found, ok := removal([]byte(c.file), blob(t, oldKey), blob(t, newKey))
			if ok != c.ok {
				t.Fatalf("ok %t, want %t", ok, c.ok)
			}
			if left := without([]byte(c.file), found); ok && string(left) != c.left {
				t.Errorf("left %q, want %q", left, c.left)
			}
		})
	}
	if _, ok := removal([]byte(newKey), blob(t, newKey), blob(t, newKey)); ok {
		t.Error("the new key is taken out for the old one")
	}
}

func TestWhatIsNoPublicKeyIsRefused(t *testing.T) {
	for _, line := range []string{"", "canary", "restrict " + newKey, newKey + "\n" + oldKey, "ssh-ed25519 AAAA"} {
		if _, err := publicBlob(line); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: error %v", line, err)
		}
	}
}

// FuzzAuthorizedKeys checks that adding and taking out a key leaves everything else as it
// was, and that what was added is found.
func FuzzAuthorizedKeys(f *testing.F) {
	for _, s := range []string{"", "# a\n" + otherKey + "\r\n", `from="a` + "\n" + `b" ` + oldKey, "restrict " + oldKey + " x", "cert-authority " + newKey, "\n\r\n\x00", "\v" + oldKey} {
		f.Add([]byte(s))
	}
	key, old := blob(f, newKey), blob(f, oldKey)
	f.Fuzz(func(t *testing.T, file []byte) {
		more := addition(file, key, old, newKey)
		added := append(bytes.Clone(file), more...)
		if addition(added, key, old, newKey) != nil {
			t.Fatalf("%q: what was added to it is not found", file)
		}
		if !bytes.HasPrefix(added, file) {
			t.Fatalf("%q becomes %q", file, added)
		}
		found, ok := removal(added, old, key)
		if !ok {
			t.Fatalf("%q: the new key is not seen", added)
		}
		left := without(added, found)
		for _, e := range entries(left) {
			if bytes.Equal(e.blob, old) {
				t.Errorf("%q: the old key is left", left)
			}
		}
		if n := len(entries(added)) - len(found); len(entries(left)) != n {
			t.Errorf("%q: %d keys are left, want %d", added, len(entries(left)), n)
		}
		if _, _, _, _, err := ssh.ParseAuthorizedKey(left); err != nil {
			t.Errorf("%q: no key is left", left)
		}
	})
}
