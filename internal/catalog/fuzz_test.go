package catalog_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"strongroom"
	"strongroom/internal/catalog"
)

// FuzzCheck holds that arbitrary data is either refused with a validation error or
// comes out as an equal object that Check leaves alone.
func FuzzCheck(f *testing.F) {
	pairs := [][2]string{
		{"postgresql", "user_password"}, {"sftp", "key_file"}, {"sftp", "sftp"}, {"google", "google_oauth"},
		{"azure_blob", "azure_blob_receive"}, {"api_credential", "api_key"}, {"aws_ses", "api_key"}, {"file_storage", "user_password"},
		{"salesforce", "oauth2"}, {"microsoft", "client_credentials"},
	}
	for _, e := range examples() {
		for i, p := range pairs {
			if p[0] == e.provider && p[1] == e.typ {
				f.Add(uint8(i), []byte(e.json(f)))
			}
		}
	}
	for i, text := range []string{
		``, `null`, `[]`, `{"a":1,"a":2}`, `{"port":1e999999999}`, `{"expires_at":1e-2000000}`, `{"connection_string":"postgres://%"}`,
		`{"scope":[[]],"email":"\ud800"}`, "{\"host\":\"\xff\"}", `{"host_key":["SHA256:"]}`, `{"private_key":"-----BEGIN "}`, `{"":{"":{}}}`,
	} {
		f.Add(uint8(i), []byte(text))
	}
	c := mustLoad(f)
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		pair := pairs[int(which)%len(pairs)]
		typ := strongroom.CredentialType(pair[1])
		checked, err := c.Check(pair[0], typ, data)
		if err != nil {
			for _, v := range violations(t, err) {
				if !strings.HasPrefix(v, "body.credentials") || !utf8.ValidString(v) {
					t.Errorf("a violation at %q", v)
				}
			}
			return
		}
		var was, is map[string]json.RawMessage
		if json.Unmarshal(data, &was) != nil || json.Unmarshal(checked.Data, &is) != nil || len(was) != len(is) {
			t.Fatal("what was accepted is not the object that came")
		}
		again, err := c.Check(pair[0], typ, checked.Data)
		if err != nil || !bytes.Equal(again.Data, checked.Data) {
			t.Fatalf("Check refuses or changes its own result: %v", err)
		}
	})
}

// FuzzDefinition holds that no definition crashes the start and that every problem has a
// file and a line.
func FuzzDefinition(f *testing.F) {
	for _, name := range []string{"sharepoint_client_secret.yaml", "google.yaml", "microsoft.yaml", "zoho.yaml", "zoom_server_to_server.yaml"} {
		text, err := os.ReadFile(filepath.Join("providers", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.Replace(text, []byte("provider: "), []byte("provider: x_"), 1))
	}
	for _, text := range []string{
		documented(f), withVariable("https://{v}.{v}/{v}?{v}", `(?i)[^\W]{2,}|\Qx`), strings.Replace(plain, "3600", "1e999", 1), acme, "", "---\n---\n", "a: &a [*a]\n", "? a\n: b\n", "<<: {a: b}\n", "a: !!binary x\n", "a: .nan\n", "%YAML 1.2\n---\na\n",
		bomb(30), in("      type: object", doubling(20)+"      type: object"), "a: |\n  x\n", "'a': \"\\u0000\"\n", "&a : *a\n", "- - - -\n", "{", "a: 0x_\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, err := range catalog.ReadDefinition("x.yaml", text) {
			rest, ok := strings.CutPrefix(err.Error(), "x.yaml:")
			number, sentence, found := strings.Cut(rest, ": ")
			if !ok || !found || sentence == "" || strings.Contains(sentence, "\n") || number == "" || strings.Trim(number, "0123456789") != "" {
				t.Errorf("a problem without file, line or sentence: %q", err)
			}
		}
	})
}

// FuzzPrivateKey holds that no key or passphrase crashes the check.
func FuzzPrivateKey(f *testing.F) {
	k := testKeys()
	for _, key := range k.plain {
		f.Add(key, "")
	}
	for _, key := range k.protected {
		f.Add(key, "")
	}
	f.Add(k.protected["Ed25519 OpenSSH"], passphrase)
	f.Add(k.protected["RSA traditional PEM"], passphrase)
	for _, text := range []string{k.publicPEM, k.encrypted, k.p224, k.cert, k.hostKey, withRounds(k.protected["RSA OpenSSH"], 1<<31), "-----BEGIN OPENSSH PRIVATE KEY-----\n-----END OPENSSH PRIVATE KEY-----"} {
		f.Add(text, "x")
	}
	c := mustLoad(f)
	f.Fuzz(func(t *testing.T, key, phrase string) {
		data, err := json.Marshal(map[string]any{"host": "h", "username": "u", "private_key_data": key, "private_key_passphrase": phrase})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Check("sftp", "key_file", data)
		var e *strongroom.Error
		if err != nil && !errors.As(err, &e) {
			t.Errorf("an error that is none of ours: %T", err)
		}
	})
}

func BenchmarkCheckPostgres(b *testing.B) {
	c, data := mustLoad(b), []byte(`{"host":"db.example.com","port":"5432","username":"app","password":"secret","database":"app","sslmode":"verify-full"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Check("postgresql", "user_password", data); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := catalog.Load(""); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProtectedKeyOf100Rounds(b *testing.B) {
	key := withRounds(testKeys().protected["Ed25519 OpenSSH"], 100)
	data := []byte(withKey(b, map[string]any{"private_key_data": key, "passphrase": "wrong"}))
	for b.Loop() {
		if _, err := mustLoad(b).Check("sftp", "key_file", data); err == nil {
			b.Fatal("the key opened")
		}
	}
}
