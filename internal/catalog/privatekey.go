package catalog

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"

	"strongroom"
)

// maxKeyRounds bounds the work of opening a protected OpenSSH key, which the key
// itself asks for: bcrypt rounds, 16 by default and about 10 ms each.
const maxKeyRounds = 100

var (
	errPassphraseMissing = errors.New("passphrase missing")
	errPassphraseWrong   = errors.New("passphrase wrong")
)

// checkKeys checks the members that hold private keys.
func (d *dataType) checkKeys(object map[string]any) []strongroom.FieldError {
	var fields []strongroom.FieldError
	for _, k := range d.keys {
		text, ok := object[k.name].(string)
		if !ok {
			continue
		}
		at, passphrase := k.passphrase(object)
		err := checkPrivateKey(text, passphrase)
		var s sentence
		switch {
		case errors.As(err, &s):
			fields = append(fields, fieldError(ErrorInvalidKey, string(s), k.name))
		case at == "" && err != nil:
			fields = append(fields, fieldError(ErrorInvalidKey, "This key is protected by a passphrase; send one without", k.name))
		case errors.Is(err, errPassphraseMissing):
			fields = append(fields, fieldError(ErrorPassphrase, "The key is protected; its passphrase is required", at))
		case errors.Is(err, errPassphraseWrong):
			fields = append(fields, fieldError(ErrorPassphrase, "This is not the key's passphrase", at))
		}
	}
	return fields
}

// passphrase returns the key's passphrase with the name of the member that holds
// it, or that should; "" where the schema has no such member.
func (k keyMember) passphrase(object map[string]any) (at, value string) {
	for _, name := range k.passphrases {
		if s, _ := object[name].(string); s != "" {
			return name, s
		}
	}
	if len(k.passphrases) == 0 {
		return "", ""
	}
	return k.passphrases[0], ""
}

// checkPrivateKey returns nil where the key parses, with the passphrase if it is
// protected, and can be used for SSH. A passphrase that the key does not need is
// let pass. Otherwise a sentence about the key, errPassphraseMissing or
// errPassphraseWrong.
func checkPrivateKey(text, passphrase string) error {
	data := []byte(strings.TrimSpace(text))
	block, _ := pem.Decode(data)
	if block == nil {
		return unreadableKey(string(data))
	}
	switch block.Type {
	case "ENCRYPTED PRIVATE KEY":
		return sentence("An encrypted PKCS#8 key cannot be read; convert it with ssh-keygen -p -f FILE")
	case "PUBLIC KEY", "RSA PUBLIC KEY", "CERTIFICATE":
		return sentence("This is the public half; send the private key")
	case "EC PARAMETERS":
		return sentence("Send the key from its BEGIN EC PRIVATE KEY line on, without the parameters above it")
	}
	if rounds(block) > maxKeyRounds {
		return sentence("The key's protection asks for too many rounds; convert it with ssh-keygen -p -a 16 -f FILE")
	}
	key, err := ssh.ParseRawPrivateKey(data)
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		if passphrase == "" {
			return errPassphraseMissing
		}
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(data, []byte(passphrase))
		if errors.Is(err, x509.IncorrectPasswordError) {
			return errPassphraseWrong
		}
	}
	if err != nil {
		return sentence("The private key cannot be read; copy the whole file, PEM or OpenSSH, with its line breaks")
	}
	if _, err := ssh.NewSignerFromKey(key); err != nil {
		return sentence("A key of this kind cannot be used for SSH; send an Ed25519, RSA or ECDSA key")
	}
	return nil
}

// unreadableKey gives advice about a text that has no PEM block.
func unreadableKey(text string) error {
	switch {
	case strings.HasPrefix(text, "PuTTY-User-Key-File"):
		return sentence("This is a PuTTY key; export it as an OpenSSH key with PuTTYgen")
	case strings.HasPrefix(text, "ssh-"), strings.HasPrefix(text, "ecdsa-"), strings.HasPrefix(text, "---- BEGIN SSH2 PUBLIC"):
		return sentence("This is the public half; send the private key")
	case strings.Contains(text, "PRIVATE KEY-----"):
		return sentence("The private key is damaged; copy the whole file with its line breaks")
	}
	return sentence("Must be a private key, PEM or OpenSSH, from its BEGIN line to its END line")
}

// rounds returns how many bcrypt rounds an OpenSSH key asks for; 0 for other keys.
// The layout is OpenSSH's PROTOCOL.key.
func rounds(block *pem.Block) uint32 {
	var file struct {
		Cipher, KDF, Options string
		Rest                 []byte `ssh:"rest"`
	}
	var options struct {
		Salt   string
		Rounds uint32
	}
	const magic = "openssh-key-v1\x00"
	body, ok := strings.CutPrefix(string(block.Bytes), magic)
	if !ok || ssh.Unmarshal([]byte(body), &file) != nil || ssh.Unmarshal([]byte(file.Options), &options) != nil {
		return 0
	}
	return options.Rounds
}
