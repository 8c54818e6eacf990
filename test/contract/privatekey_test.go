package contract_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"testing"

	"golang.org/x/crypto/ssh"
)

// keyFiles are private keys as people have them in files.
type keyFiles struct {
	openSSH, pem, protected, passphrase string
}

func privateKeys(t testing.TB) keyFiles {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	plain, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	// Made for these tests with a single round of its key derivation; the sixteen that
	// are usual take seconds under the race detector.
	protected, err := os.ReadFile("testdata/protected_ed25519")
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	return keyFiles{
		openSSH: string(pem.EncodeToMemory(plain)), protected: string(protected), passphrase: canary + "passphrase",
		pem: string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
	}
}
