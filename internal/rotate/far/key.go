package far

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/probe"
	"strongroom/internal/sshkey"
	"strongroom/secret"
)

var errNoKey = errors.New("the credential does not sign in with a private key")

// keyMembers and passphraseMembers are the spellings of an SFTP credential's members.
var (
	keyMembers        = []string{"private_key_data", "private_key"}
	passphraseMembers = []string{"private_key_passphrase", "passphrase"}
)

// NewKey makes an Ed25519 key: the private half as OpenSSH's file has it, without
// passphrase, and the public half as a line of authorized_keys without comment.
func NewKey() (private secret.Value, public string, err error) {
	publicKey, privateKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return secret.Value{}, "", fmt.Errorf("making a key: %w", err)
	}
	block, err := ssh.MarshalPrivateKey(privateKey, "")
	if err != nil {
		return secret.Value{}, "", fmt.Errorf("writing a private key: %w", err)
	}
	line, err := ssh.NewPublicKey(publicKey)
	if err != nil {
		return secret.Value{}, "", fmt.Errorf("writing a public key: %w", err)
	}
	return secret.New(pem.EncodeToMemory(block)), publicLine(line), nil
}

// PublicOf returns the public key of the private one that an SFTP credential signs in with,
// as a line of authorized_keys without comment.
func PublicOf(data secret.Value) (string, error) {
	s, err := probe.SFTPData(data)
	if err != nil {
		return "", err
	}
	if s.PrivateKey.Empty() {
		return "", errNoKey
	}
	signer, err := sshkey.Signer(s.PrivateKey, s.Passphrase)
	if err != nil {
		return "", err
	}
	return publicLine(signer.PublicKey()), nil
}

// WithKey returns an SFTP credential's data with another private key, which has no
// passphrase, in whichever spelling it uses. Everything else stays as it is.
func WithKey(data, private secret.Value) (secret.Value, error) {
	d, err := parse(data)
	if err != nil {
		return secret.Value{}, err
	}
	found := false
	for _, name := range keyMembers {
		if d.has(name) {
			d.set(name, private)
			found = true
		}
	}
	if !found {
		return secret.Value{}, errNoKey
	}
	for _, name := range passphraseMembers {
		delete(d, name)
	}
	return d.encode()
}

func publicLine(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}
