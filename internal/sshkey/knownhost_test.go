package sshkey_test

import (
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/sshkey"
)

const line = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1XOgV1GBYL7EUkTOdScKT/8tL/JOaxneZOxiHlq6PW"

func key(t testing.TB) ssh.PublicKey {
	t.Helper()
	k, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestALineOfKnownHostsIsWrittenAsOpenSSHDoes(t *testing.T) {
	for name, c := range map[string]struct {
		host string
		port int
		want string
	}{
		"a name":                  {"sftp.example.com", 22, "sftp.example.com"},
		"a name with a port":      {"sftp.example.com", 2022, "[sftp.example.com]:2022"},
		"a name in capitals":      {"SFTP.Example.com.", 22, "sftp.example.com"},
		"an IPv6 address":         {"2001:DB8:0::1", 22, "2001:db8::1"},
		"an IPv6 address, port":   {"2001:db8::1", 2022, "[2001:db8::1]:2022"},
		"an IPv4 address in IPv6": {"::ffff:192.0.2.1", 22, "192.0.2.1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := sshkey.KnownHostLine(c.host, c.port, key(t))
			if got != c.want+" "+line {
				t.Errorf("got %q, want %q", got, c.want+" "+line)
			}
			k, err := sshkey.ParseKnownHost(got)
			if err != nil || !k.Is(c.host, c.port) || k.Key.Fingerprint != ssh.FingerprintSHA256(key(t)) || k.Key.Type != "ssh-ed25519" {
				t.Errorf("read as %+v, %v", k, err)
			}
			if k.Is(c.host, c.port+1) || k.Is("other.example.com", c.port) {
				t.Error("it is about another server, too")
			}
		})
	}
}

func TestAHostKeyIsRefusedWithAReason(t *testing.T) {
	for name, c := range map[string]struct {
		line string
		want sshkey.Problem
	}{
		"two lines":         {line + "\n" + line, sshkey.ErrHostKeyLines},
		"a revoked key":     {"@revoked * " + line, sshkey.ErrHostKeyMarker},
		"nothing":           {"", sshkey.ErrHostKey},
		"a short print":     {"SHA256:AAAA", sshkey.ErrHostKey},
		"another key type":  {strings.Replace(line, "ed25519", "rsa", 1), sshkey.ErrHostKey},
		"a key far behind":  {"a b " + line, sshkey.ErrHostKey},
		"a type without it": {"ssh-ed25519", sshkey.ErrHostKey},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sshkey.ParseHostKey(c.line); err != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}

func FuzzKnownHost(f *testing.F) {
	f.Add("host " + line)
	f.Add("[::1]:2022 " + line)
	f.Add("[host]:0 " + line)
	f.Add("[]:22 " + line)
	f.Fuzz(func(t *testing.T, s string) {
		k, err := sshkey.ParseKnownHost(s)
		if err != nil {
			return
		}
		if k.Port < 1 || k.Port > 65535 || k.Key.Type == "" || !k.Is(k.Host, k.Port) {
			t.Errorf("%q is read as %+v", s, k)
		}
	})
}
