package probe_test

import (
	"slices"
	"strings"
	"testing"

	"strongroom/internal/probe"
)

func TestAStoredCredentialIsRead(t *testing.T) {
	type read struct {
		port                      int
		password, key, passphrase string
		hostKeys                  []string
		path                      string
	}
	for name, c := range map[string]struct {
		data string
		want read
	}{
		"a password alone":               {`"password":"p"`, read{password: "p"}},
		"a port as a number":             {`"password":"p","port":2022`, read{password: "p", port: 2022}},
		"a port as text":                 {`"password":"p","port":"2022"`, read{password: "p", port: 2022}},
		"a port with a decimal point":    {`"password":"p","port":22.0`, read{password: "p", port: 22}},
		"members that are null":          {`"password":"p","port":null,"host_key":null`, read{password: "p"}},
		"a key":                          {`"private_key_data":"k","private_key_passphrase":"s"`, read{key: "k", passphrase: "s"}},
		"a key in the other spelling":    {`"private_key":"k","passphrase":"s"`, read{key: "k", passphrase: "s"}},
		"both, of which a password":      {`"auth_type":"password","password":"p","private_key":"k","passphrase":"s"`, read{password: "p"}},
		"both, of which a key":           {`"auth_type":"private_key","password":"p","private_key":"k"`, read{key: "k"}},
		"one host key and a path":        {`"password":"p","host_key":"SHA256:a","test_path":"/in"`, read{password: "p", hostKeys: []string{"SHA256:a"}, path: "/in"}},
		"several host keys":              {`"password":"p","host_key":["a","b"]`, read{password: "p", hostKeys: []string{"a", "b"}}},
		"a member that is not the tests": {`"password":"p","more":{"a":1}`, read{password: "p"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := probe.SFTPData(text(`{"host":"sftp.example.com","username":"upload",` + c.data + `}`))
			if err != nil {
				t.Fatal(err)
			}
			if s.Host != "sftp.example.com" || s.Username != "upload" || s.Port != c.want.port || s.TestPath != c.want.path ||
				!slices.Equal(s.HostKeys, c.want.hostKeys) {
				t.Errorf("read %+v, want %+v", s, c.want)
			}
			if string(s.Password.Reveal()) != c.want.password || string(s.PrivateKey.Reveal()) != c.want.key || string(s.Passphrase.Reveal()) != c.want.passphrase {
				t.Error("another password, key or passphrase was read")
			}
		})
	}
}

func TestDataThatDoesNotFitIsRefusedWithoutRepeatingIt(t *testing.T) {
	for name, data := range map[string]string{
		"no JSON":             `canary`,
		"no object":           `["canary"]`,
		"a password of none":  `{"password":{"canary":1}}`,
		"a port of words":     `{"port":"canary"}`,
		"a port of a half":    `{"port":22.5}`,
		"a port of zero":      `{"port":0}`,
		"a port below zero":   `{"port":-22}`,
		"a port too large":    `{"port":65558}`,
		"a host key of words": `{"host_key":{"canary":1}}`,
	} {
		t.Run(name, func(t *testing.T) {
			_, err := probe.SFTPData(text(data))
			if err == nil || strings.Contains(err.Error(), "canary") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func FuzzSFTPData(f *testing.F) {
	f.Add(`{"host":"h","port":"22","password":"canary-password","host_key":["a"]}`)
	f.Add(`{"port":1e400}`)
	f.Fuzz(func(t *testing.T, data string) {
		s, err := probe.SFTPData(text(data))
		if err == nil && (s.Port < 0 || s.Port > 65535) {
			t.Errorf("port %d", s.Port)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error repeats the data: %v", err)
		}
	})
}

// FuzzSFTPHostKey checks that what cannot be read as a host key is never taken for none.
func FuzzSFTPHostKey(f *testing.F) {
	f.Add(hostKeyLine)
	f.Add("host " + hostKeyLine + " comment")
	f.Add("SHA256:" + strings.Repeat("A", 43) + "=")
	f.Add("")
	f.Fuzz(func(t *testing.T, line string) {
		s := somewhere()
		s.HostKeys = []string{line}
		code := blocked(t, s).Code
		readable := strings.Contains(line, " ") || strings.HasPrefix(line, "SHA256:") || strings.ContainsAny(line, "\t\v\f\r\n\u0085\u00a0")
		if code != probe.CodeHostKey && (code != probe.CodeBlockedAddress || !readable && len(strings.Fields(line)) < 2) {
			t.Errorf("%q ends as %q", line, code)
		}
	})
}
