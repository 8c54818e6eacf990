package catalog_test

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"strongroom/internal/catalog"
)

// withKey returns SFTP data of the type key_file with more members.
func withKey(tb testing.TB, members map[string]any) string {
	tb.Helper()
	data := map[string]any{"host": "sftp.example.com", "username": "upload"}
	for name, v := range members {
		data[name] = v
	}
	text, err := json.Marshal(data)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

func TestPrivateKeysThatParseAreAccepted(t *testing.T) {
	c := mustLoad(t)
	for name, key := range testKeys().plain {
		t.Run(name+" without passphrase", func(t *testing.T) {
			mustCheck(t, c, "sftp", "key_file", withKey(t, map[string]any{"private_key_data": key}))
		})
		t.Run(name+" with a passphrase it does not need", func(t *testing.T) {
			mustCheck(t, c, "sftp", "key_file", withKey(t, map[string]any{"private_key_data": key, "private_key_passphrase": "unneeded"}))
		})
	}
	for name, key := range testKeys().protected {
		t.Run(name+" with its passphrase", func(t *testing.T) {
			mustCheck(t, c, "sftp", "key_file", withKey(t, map[string]any{"private_key_data": key, "private_key_passphrase": passphrase}))
		})
	}
	// One key whose passphrase costs no bcrypt stands for the rest.
	key := testKeys().protected["RSA traditional PEM"]
	t.Run("a protected key under the other spellings", func(t *testing.T) {
		mustCheck(t, c, "sftp", "key_file", withKey(t, map[string]any{"private_key": key, "passphrase": passphrase}))
	})
	t.Run("a protected key in the type sftp", func(t *testing.T) {
		mustCheck(t, c, "sftp", "sftp", withKey(t, map[string]any{"auth_type": "private_key", "private_key_data": key, "private_key_passphrase": passphrase}))
	})
	t.Run("a key with line breaks of Windows", func(t *testing.T) {
		key := strings.ReplaceAll(testKeys().plain["RSA PKCS#1"], "\n", "\r\n")
		mustCheck(t, c, "sftp", "key_file", withKey(t, map[string]any{"private_key_data": key}))
	})
}

func TestProtectedKeysAskForTheirPassphrase(t *testing.T) {
	c := mustLoad(t)
	for _, name := range []string{"Ed25519 OpenSSH", "RSA traditional PEM"} {
		key := testKeys().protected[name]
		for about, tc := range map[string]struct {
			members map[string]any
			at      string
		}{
			"missing":                         {map[string]any{"private_key_data": key}, "private_key_passphrase"},
			"null":                            {map[string]any{"private_key_data": key, "private_key_passphrase": nil}, "private_key_passphrase"},
			"empty":                           {map[string]any{"private_key_data": key, "private_key_passphrase": ""}, "private_key_passphrase"},
			"wrong":                           {map[string]any{"private_key_data": key, "private_key_passphrase": "CANARY-wrong"}, "private_key_passphrase"},
			"wrong, under the other spelling": {map[string]any{"private_key": key, "passphrase": "CANARY-wrong"}, "passphrase"},
			"wrong, in mixed spellings":       {map[string]any{"private_key_data": key, "passphrase": "CANARY-wrong"}, "passphrase"},
		} {
			t.Run(name+" with its passphrase "+about, func(t *testing.T) {
				_, err := c.Check("sftp", "key_file", []byte(withKey(t, tc.members)))
				want := []string{"body.credentials." + tc.at + ": " + catalog.ErrorPassphrase}
				if got := violations(t, err); !slices.Equal(got, want) {
					t.Errorf("got %q, want %q", got, want)
				}
				if strings.Contains(everything(err), "CANARY") {
					t.Error("the error holds the passphrase")
				}
			})
		}
	}
}

func TestPrivateKeysThatDoNotParseAreRefusedWithAdvice(t *testing.T) {
	k := testKeys()
	whole := k.plain["RSA PKCS#1"]
	for name, tc := range map[string]struct{ key, advice string }{
		"text":                           {"CANARY secret", "Must be a private key"},
		"a key with its middle missing":  {whole[:200] + whole[600:], "copy the whole file"},
		"a key cut short":                {whole[:len(whole)/2], "copy the whole file"},
		"a key on one line":              {strings.ReplaceAll(whole, "\n", " "), "line breaks"},
		"a key with escaped line breaks": {strings.ReplaceAll(whole, "\n", "\\n"), "line breaks"},
		"a PuTTY key":                    {"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", "PuTTYgen"},
		"a public key":                   {k.hostKey, "public half"},
		"a public key in PEM":            {k.publicPEM, "public half"},
		"a certificate":                  {k.cert, "public half"},
		"an encrypted PKCS#8 key":        {k.encrypted, "ssh-keygen -p"},
		"a curve that SSH does not know": {k.p224, "Ed25519, RSA or ECDSA"},
		"parameters above the key":       {encode("EC PARAMETERS", []byte{6, 1, 1}) + k.plain["ECDSA SEC 1"], "without the parameters"},
		"a key that asks for years":      {withRounds(k.protected["Ed25519 OpenSSH"], 1<<31), "too many rounds"},
		"a key just over the rounds":     {withRounds(k.protected["Ed25519 OpenSSH"], 101), "too many rounds"},
		"an OpenSSH key of garbage":      {encode("OPENSSH PRIVATE KEY", []byte("openssh-key-v1\x00CANARY")), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := mustLoad(t).Check("sftp", "key_file", []byte(withKey(t, map[string]any{"private_key_data": tc.key, "passphrase": passphrase})))
			const at = "body.credentials.private_key_data"
			if got, want := violations(t, err), []string{at + ": " + catalog.ErrorInvalidKey}; !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
			if got := message(t, err, at); !strings.Contains(got, tc.advice) {
				t.Errorf("the message is %q; want advice with %q", got, tc.advice)
			}
			if said := everything(err); strings.Contains(said, "CANARY") || strings.Contains(said, passphrase) || strings.Contains(said, base64.StdEncoding.EncodeToString([]byte("CANARY"))) {
				t.Error("the error holds a secret")
			}
		})
	}
}
