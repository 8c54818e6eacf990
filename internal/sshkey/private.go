package sshkey

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"

	"strongroom/secret"
)

// maxRounds bounds the work of opening a protected OpenSSH key, which the key itself asks
// for: bcrypt rounds, 16 by default and about 10 ms each.
const maxRounds = 100

// Signer opens a private key with its passphrase; one that the key does not need is let
// pass. Its errors are Problems.
func Signer(key, passphrase secret.Value) (ssh.Signer, error) {
	text := bytes.TrimSpace(key.Reveal())
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, noBlock(string(text))
	}
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		return nil, ErrPKCS8
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return nil, ErrPublicHalf
	case "EC PARAMETERS":
		return nil, ErrParameters
	}
	if rounds(block.Bytes) > maxRounds {
		return nil, ErrRounds
	}
	raw, err := ssh.ParseRawPrivateKey(text)
	if _, protected := errors.AsType[*ssh.PassphraseMissingError](err); protected {
		if passphrase.Empty() {
			return nil, ErrNoPassphrase
		}
		raw, err = ssh.ParseRawPrivateKeyWithPassphrase(text, passphrase.Reveal())
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, ErrPassphrase
	case err != nil:
		return nil, ErrUnreadable
	}
	signer, err := ssh.NewSignerFromKey(raw)
	if err != nil {
		return nil, ErrUnsuitable
	}
	return signer, nil
}

// noBlock says what a text without a PEM block is instead.
func noBlock(text string) Problem {
	switch {
	case strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return ErrPuTTY
	case strings.HasPrefix(text, "ssh-"), strings.HasPrefix(text, "ecdsa-"), strings.HasPrefix(text, "---- BEGIN SSH2 PUBLIC"):
		return ErrPublicHalf
	case strings.Contains(text, "PRIVATE KEY-----"):
		return ErrDamaged
	}
	return ErrNoPrivateKey
}

// rounds returns how many bcrypt rounds an OpenSSH key asks for; 0 for other keys.
// The layout is OpenSSH's PROTOCOL.key.
func rounds(file []byte) uint32 {
	var head struct {
		Cipher, KDF, Options string
		Rest                 []byte `ssh:"rest"`
	}
	var options struct {
		Salt   string
		Rounds uint32
	}
	body, ok := bytes.CutPrefix(file, []byte("openssh-key-v1\x00"))
	if !ok || ssh.Unmarshal(body, &head) != nil || ssh.Unmarshal([]byte(head.Options), &options) != nil {
		return 0
	}
	return options.Rounds
}
