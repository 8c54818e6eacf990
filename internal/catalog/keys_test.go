package catalog_test

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

const passphrase = "correct horse battery"

// keys are made once; every test that needs one takes it from here.
type keys struct {
	plain     map[string]string // by kind and form
	protected map[string]string // opened by passphrase
	hostKey   string            // "ssh-ed25519 AAAA…"
	hostPrint string            // "SHA256:…"
	publicPEM string
	encrypted string // PKCS#8, encrypted
	p224      string
	cert      string
}

var testKeys = sync.OnceValue(makeKeys)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func makeKeys() keys {
	edPublic, ed, err := ed25519.GenerateKey(rand.Reader)
	must(ed, err)
	r := must(rsa.GenerateKey(rand.Reader, 2048))
	ec := must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	k := keys{plain: map[string]string{}, protected: map[string]string{}}
	for name, key := range map[string]crypto.PrivateKey{"Ed25519": ed, "RSA": r, "ECDSA": ec} {
		k.plain[name+" OpenSSH"] = string(pem.EncodeToMemory(must(ssh.MarshalPrivateKey(key, "comment"))))
		k.plain[name+" PKCS#8"] = encode("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(key)))
		k.protected[name+" OpenSSH"] = string(pem.EncodeToMemory(must(ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase)))))
	}
	k.plain["RSA PKCS#1"] = encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(r))
	k.plain["ECDSA SEC 1"] = encode("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec)))
	host := must(ssh.NewPublicKey(edPublic))
	k.hostKey, k.hostPrint = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(host))), ssh.FingerprintSHA256(host)
	k.publicPEM = encode("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(edPublic)))
	k.protected["RSA traditional PEM"] = traditional(x509.MarshalPKCS1PrivateKey(r))
	k.encrypted = encode("ENCRYPTED PRIVATE KEY", []byte{0x30, 0x00})
	k.p224 = encode("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)))))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Unix(1<<32, 0)}
	k.cert = encode("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, template, template, edPublic, ed)))
	return k
}

// withRounds rewrites the number of bcrypt rounds that an OpenSSH key asks for.
func withRounds(text string, rounds uint32) string {
	block, _ := pem.Decode([]byte(text))
	const magic = "openssh-key-v1\x00"
	var file struct {
		Cipher, KDF, Options string
		Rest                 []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(block.Bytes[len(magic):], &file); err != nil {
		panic(err)
	}
	var options struct {
		Salt   string
		Rounds uint32
	}
	if err := ssh.Unmarshal([]byte(file.Options), &options); err != nil {
		panic(err)
	}
	options.Rounds = rounds
	file.Options = string(ssh.Marshal(options))
	return encode(block.Type, append([]byte(magic), ssh.Marshal(file)...))
}

// traditional protects a key as old OpenSSL does: AES-256-CBC under a key made of
// the passphrase with MD5 (RFC 1421 headers).
func traditional(der []byte) string {
	iv := make([]byte, aes.BlockSize)
	must(rand.Read(iv))
	var key, last []byte
	for len(key) < 32 {
		sum := md5.Sum(slices.Concat(last, []byte(passphrase), iv[:8]))
		last = sum[:]
		key = append(key, last...)
	}
	pad := aes.BlockSize - len(der)%aes.BlockSize
	der = append(slices.Clone(der), bytes.Repeat([]byte{byte(pad)}, pad)...)
	cipher.NewCBCEncrypter(must(aes.NewCipher(key)), iv).CryptBlocks(der, der)
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: der, Headers: map[string]string{
		"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-256-CBC," + strings.ToUpper(hex.EncodeToString(iv)),
	}}))
}
