package sshkey

// Problem is why a key is refused: a sentence for people, without full stop, that repeats
// nothing of the key.
type Problem string

func (p Problem) Error() string { return string(p) }

// What is wrong with a private key.
const (
	ErrNoPrivateKey Problem = "Must be a private key, PEM or OpenSSH, from its BEGIN line to its END line"
	ErrPublicHalf   Problem = "This is the public half; send the private key"
	ErrPuTTY        Problem = "This is a PuTTY key; export it as an OpenSSH key with PuTTYgen"
	ErrDamaged      Problem = "The private key is damaged; copy the whole file with its line breaks"
	ErrUnreadable   Problem = "The private key cannot be read; copy the whole file, PEM or OpenSSH, with its line breaks"
	ErrPKCS8        Problem = "An encrypted PKCS#8 key cannot be read; convert it with ssh-keygen -p -f FILE"
	ErrParameters   Problem = "Send the key from its BEGIN EC PRIVATE KEY line on, without the parameters above it"
	ErrRounds       Problem = "The key's protection asks for too many rounds; convert it with ssh-keygen -p -a 16 -f FILE"
	ErrUnsuitable   Problem = "A key of this kind cannot be used for SSH; send an Ed25519, RSA or ECDSA key"
	ErrNoPassphrase Problem = "The private key is protected; send its passphrase"
	ErrPassphrase   Problem = "The passphrase is not the private key's"
)

// What is wrong with a host key.
const (
	ErrHostKey       Problem = "Must be a host's public key as in known_hosts (ssh-ed25519 AAAA…) or its fingerprint (SHA256:…)"
	ErrHostKeyLines  Problem = "Must be one line; send a list where there are more keys"
	ErrHostKeyMarker Problem = "Must not begin with a marker such as @revoked or @cert-authority"
	ErrKnownHost     Problem = "Must be a line of known_hosts with one host and one key"
)
