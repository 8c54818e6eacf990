package sshkey_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/sshkey"
	"strongroom/secret"
)

func text(s string) secret.Value { return secret.New([]byte(s)) }

// pair returns an Ed25519 key in OpenSSH's form, protected where there is a passphrase.
func pair(t testing.TB, passphrase string) (ssh.PublicKey, string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	k, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return k, string(pem.EncodeToMemory(block))
}

func TestAPrivateKeyIsOpened(t *testing.T) {
	for name, c := range map[string]struct{ protection, passphrase string }{
		"without passphrase":             {"", ""},
		"with one that it does not need": {"", "more"},
		"with its passphrase":            {"sesame", "sesame"},
	} {
		t.Run(name, func(t *testing.T) {
			public, private := pair(t, c.protection)
			signer, err := sshkey.Signer(text("\n "+private+"\r\n"), text(c.passphrase))
			if err != nil || string(signer.PublicKey().Marshal()) != string(public.Marshal()) {
				t.Errorf("another key, or %v", err)
			}
		})
	}
}

func TestAPrivateKeyIsRefusedWithAReason(t *testing.T) {
	_, plain := pair(t, "")
	_, protected := pair(t, "sesame")
	for name, c := range map[string]struct {
		key, passphrase string
		want            sshkey.Problem
	}{
		"nothing":                    {"", "", sshkey.ErrNoPrivateKey},
		"its public half":            {line, "", sshkey.ErrPublicHalf},
		"a PuTTY key":                {"PuTTY-User-Key-File-3: x", "", sshkey.ErrPuTTY},
		"a key in one line":          {strings.ReplaceAll(plain, "\n", " "), "", sshkey.ErrDamaged},
		"a key with bytes changed":   {strings.Replace(plain, "\nb3", "\nc3", 1), "", sshkey.ErrUnreadable},
		"an encrypted PKCS#8 key":    {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----", "", sshkey.ErrPKCS8},
		"a protected key alone":      {protected, "", sshkey.ErrNoPassphrase},
		"a protected key, and wrong": {protected, "wrong", sshkey.ErrPassphrase},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := sshkey.Signer(text(c.key), text(c.passphrase)); err != c.want {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
}
