package probe

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"

	"golang.org/x/crypto/ssh"

	"strongroom/secret"
)

// maxKeyRounds bounds the work of opening a protected OpenSSH key, which the key itself
// asks for: bcrypt rounds, 16 by default and about 10 ms each.
const maxKeyRounds = 100

// readSigner opens a private key with its passphrase; one that the key does not need is let
// pass. Its errors are *sshFailure with the code auth.
func readSigner(key, passphrase secret.Value) (ssh.Signer, error) {
	text := bytes.TrimSpace(key.Reveal())
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, authFailure("The private key cannot be read; send the whole file, PEM or OpenSSH, from its BEGIN line to its END line")
	case block.Type == "ENCRYPTED PRIVATE KEY":
		return nil, authFailure("An encrypted PKCS#8 key cannot be read; convert it with ssh-keygen -p -f FILE")
	case keyRounds(block.Bytes) > maxKeyRounds:
		return nil, authFailure("The private key's protection asks for too many rounds; convert it with ssh-keygen -p -a 16 -f FILE")
	}
	signer, err := ssh.ParsePrivateKey(text)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		if passphrase.Empty() {
			return nil, authFailure("The private key is protected; send its passphrase")
		}
		signer, err = ssh.ParsePrivateKeyWithPassphrase(text, passphrase.Reveal())
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, authFailure("The passphrase is not the private key's")
	case err != nil:
		return nil, authFailure("The private key cannot be used for SSH; send an Ed25519, RSA or ECDSA key, whole and with its line breaks")
	}
	return signer, nil
}

// keyRounds returns how many bcrypt rounds an OpenSSH key asks for; 0 for other keys.
// The layout is OpenSSH's PROTOCOL.key.
func keyRounds(file []byte) uint32 {
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
