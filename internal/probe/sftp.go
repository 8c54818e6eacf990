package probe

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
	"unicode"

	"golang.org/x/crypto/ssh"

	"strongroom/secret"
)

const (
	// sftpTimeout and sftpGrace are together what a test may take.
	sftpTimeout = 13 * time.Second
	// sftpGrace is for removing the test file after the test's time is over.
	sftpGrace = 2 * time.Second

	defaultSSHPort  = 22
	defaultTestPath = "/"

	// The definition's bounds, in bytes.
	maxHost       = 253
	maxUserName   = 255
	maxPassword   = 1024
	maxPrivateKey = 16384
	maxTestPath   = 1024
)

// SFTP says which server to test and how to sign in there. With a key and a password, each
// is used as the server asks for it.
type SFTP struct {
	Host string
	// Port 0 is 22.
	Port                             int
	Username                         string
	Password, PrivateKey, Passphrase secret.Value
	// HostKeys are lines of known_hosts, public keys or SHA256 fingerprints; the server must
	// have one of them. With none, the key that it shows is taken.
	HostKeys []string
	// TestPath is the folder in which the test file is written; "" is "/".
	TestPath string
}

// SFTP connects, signs in, and writes a small file under the test path, which is read,
// compared and removed. It ends after 15 s at most; where ctx ends earlier, 2 s after that.
//
// The details are "host_key", in the form of authorized_keys and only where it may be
// trusted (pinned, or nothing is pinned), and "host_key_fingerprint", of the key that
// the server showed.
func (p *Prober) SFTP(ctx context.Context, s SFTP) Result {
	ctx, cancel := context.WithTimeout(ctx, sftpTimeout)
	defer cancel()
	test := &sshTest{dialer: p.dialer, phases: &sshPhases{clock: p.clock}}
	err := test.prepare(s)
	if err == nil {
		err = test.run(ctx, cmp.Or(s.TestPath, defaultTestPath))
	}
	result := Result{Success: err == nil, Phases: test.phases.end(), Details: test.details()}
	var failure *sshFailure
	switch {
	case err == nil:
		result.Message = "Connected, signed in, and wrote, read and removed a test file"
	case errors.As(err, &failure):
		result.Code, result.Message = failure.code, failure.message
	default:
		result.Code, result.Message = CodeProtocol, test.server()+" did not keep to the protocol"
	}
	return result
}

// prepare checks what cannot work before anything is connected to.
func (t *sshTest) prepare(s SFTP) error {
	host := strings.TrimSuffix(strings.TrimPrefix(s.Host, "["), "]")
	port := cmp.Or(s.Port, defaultSSHPort)
	switch {
	case !isHost(host):
		return &sshFailure{CodeDNS, "The host must be a name or an IP address alone, without scheme, user, port or path"}
	case port < 1 || port > 65535:
		return &sshFailure{CodeRefused, "The port must be a number from 1 to 65535"}
	case s.Username == "" || len(s.Username) > maxUserName:
		return authFailure("The user name must have 1 to 255 characters")
	case s.Password.Empty() && s.PrivateKey.Empty():
		return authFailure("Send a password or a private key to sign in with")
	case len(s.Password.Reveal()) > maxPassword || len(s.Passphrase.Reveal()) > maxPassword:
		return authFailure("The password or the passphrase is longer than 1024 bytes")
	case len(s.PrivateKey.Reveal()) > maxPrivateKey:
		return authFailure("The private key is longer than 16 KiB")
	case len(s.TestPath) > maxTestPath || strings.ContainsFunc(s.TestPath, unicode.IsControl):
		return &sshFailure{CodePermission, "The test path must have at most 1024 characters, and no control characters"}
	}
	var ok bool
	if t.pins, ok = readHostKeys(s.HostKeys); !ok {
		return &sshFailure{CodeHostKey, "The host key cannot be read; send lines of known_hosts or SHA256 fingerprints, 20 at most"}
	}
	t.address, t.user = net.JoinHostPort(host, strconv.Itoa(port)), s.Username
	t.login = &sshLogin{password: s.Password}
	if s.PrivateKey.Empty() {
		return nil
	}
	var err error
	t.login.signer, err = readSigner(s.PrivateKey, s.Passphrase)
	return err
}

// isHost tells a name or an address from a URL and whatever else is typed in its place,
// since messages repeat it.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	return s != "" && len(s) <= maxHost && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
	})
}

// run does the test's network part.
func (t *sshTest) run(ctx context.Context, folder string) error {
	client, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = client.Close() }()
	t.phases.begin(phaseOperation)
	defer watch(ctx, t.conn, sftpGrace)()
	return t.exercise(ctx, client, folder)
}

// details tells what was learnt of the host key.
func (t *sshTest) details() map[string]any {
	switch {
	case t.shown != nil:
		return map[string]any{
			"host_key":             strings.TrimSpace(string(ssh.MarshalAuthorizedKey(t.shown))),
			"host_key_fingerprint": ssh.FingerprintSHA256(t.shown),
		}
	case t.found != nil:
		return map[string]any{"host_key_fingerprint": ssh.FingerprintSHA256(t.found)}
	}
	return nil
}
