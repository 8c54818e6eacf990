package probe

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"strings"
	"time"
	"unicode"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom/internal/probe/phases"
	"strongroom/internal/sshkey"
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
	// have one of them. With none, KnownHost holds.
	HostKeys []string
	// KnownHost is the detail "known_host" of an earlier connection. Where it is about this
	// host and port, the server must have its key; otherwise, and where it is empty, the key
	// that the server shows is taken.
	KnownHost string
	// TestPath is the folder in which the test file is written; "" is "/".
	TestPath string
	// LookOnly has a test look at TestPath and write nothing.
	LookOnly bool
}

// SFTP connects, signs in, and writes a small file under the test path, which is read,
// compared and removed; or looks at the path alone. It ends after 15 s at most; where ctx
// ends earlier, 2 s after that. The details are those of WithSFTP.
func (p *Prober) SFTP(ctx context.Context, s SFTP) Result {
	doing, worked := "while the test file was written", "Connected, signed in, and wrote, read and removed a test file"
	do := (*sshTest).exercise
	if s.LookOnly {
		doing, worked = "while the test path was looked at", "Connected, signed in, and found the test path"
		do = (*sshTest).look
	}
	result, _ := p.withSFTP(ctx, s, doing, func(ctx context.Context, t *sshTest, client *sftp.Client) error {
		return do(t, ctx, client, cmp.Or(s.TestPath, defaultTestPath))
	})
	if result.Success {
		result.Message = worked
	}
	return result
}

// WithSFTP connects and signs in as SFTP does, and lets do work with the client, which is
// closed then. What do waits for ends 2 s after its context; TestPath and LookOnly mean
// nothing here.
//
// The Result says how it went, what do did included: where the time was over or the
// connection lost when do failed, and where do returns a *Failure, it says so; any other
// error of do's is none of the connection's: a success. The error is do's own as it is, and
// nil where do was not called.
//
// The details are "host_key", in the form of authorized_keys and only where it may be
// trusted (pinned, or nothing is pinned), and "host_key_fingerprint", of the key that
// the server showed; and of a success without HostKeys "known_host", the line to keep for
// SFTP.KnownHost.
func (p *Prober) WithSFTP(ctx context.Context, s SFTP, do func(context.Context, *sftp.Client) error) (Result, error) {
	return p.withSFTP(ctx, s, "while the user's files were read or written", func(ctx context.Context, _ *sshTest, client *sftp.Client) error {
		return do(ctx, client)
	})
}

// withSFTP is WithSFTP; doing says what do does, as the end of a sentence.
func (p *Prober) withSFTP(ctx context.Context, s SFTP, doing string, do func(context.Context, *sshTest, *sftp.Client) error) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, sftpTimeout)
	defer cancel()
	t := &sshTest{dialer: p.dialer, phases: phases.New(p.clock), doing: doing}
	err := t.prepare(s)
	var own error
	if err == nil {
		err = t.run(ctx, func(client *sftp.Client) error {
			own = do(ctx, t, client)
			return own
		})
	}
	result := Result{Success: true, Message: "Connected and signed in", Phases: t.phases.End()}
	if failure, ok := errors.AsType[*Failure](err); ok {
		result.Success, result.Code, result.Message = false, failure.Code, failure.Message
	}
	result.Details = t.details(result.Success && len(s.HostKeys) == 0)
	return result, own
}

// prepare checks what cannot work before anything is connected to.
func (t *sshTest) prepare(s SFTP) error {
	host := strings.TrimSuffix(strings.TrimPrefix(s.Host, "["), "]")
	port := cmp.Or(s.Port, defaultSSHPort)
	switch {
	case !isHost(host):
		return &Failure{CodeDNS, "The host must be a name or an IP address alone, without scheme, user, port or path"}
	case port < 1 || port > 65535:
		return &Failure{CodeRefused, "The port must be a number from 1 to 65535"}
	case s.Username == "" || len(s.Username) > maxUserName:
		return authFailure("The user name must have 1 to 255 characters")
	case s.Password.Empty() && s.PrivateKey.Empty():
		return authFailure("Send a password or a private key to sign in with")
	case len(s.Password.Reveal()) > maxPassword || len(s.Passphrase.Reveal()) > maxPassword:
		return authFailure("The password or the passphrase is longer than 1024 bytes")
	case len(s.PrivateKey.Reveal()) > maxPrivateKey:
		return authFailure("The private key is longer than 16 KiB")
	case len(s.TestPath) > maxTestPath || strings.ContainsFunc(s.TestPath, unicode.IsControl):
		return &Failure{CodePermission, "The test path must have at most 1024 characters, and no control characters"}
	}
	t.host, t.port, t.user = host, port, s.Username
	t.login = &sshLogin{password: s.Password}
	var err error
	if t.pins, err = pinned(s, host, port); err != nil || s.PrivateKey.Empty() {
		return err
	}
	t.login.signer, err = sshkey.Signer(s.PrivateKey, s.Passphrase)
	switch problem, _ := errors.AsType[sshkey.Problem](err); problem {
	case "":
		return err
	case sshkey.ErrNoPrivateKey:
		return authFailure("The private key cannot be read; send the whole file, PEM or OpenSSH, from its BEGIN line to its END line")
	default:
		return authFailure(string(problem))
	}
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

// run does the network part. Its errors are *Failure, beside what do returns while the
// connection lasts.
func (t *sshTest) run(ctx context.Context, do func(*sftp.Client) error) error {
	conn, err := t.open(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	t.phases.Begin(phaseOperation)
	defer watch(ctx, t.conn, sftpGrace)()
	client, err := sftp.NewClient(conn, sftp.UseConcurrentReads(false))
	if err != nil {
		return cmp.Or(t.lost(ctx, err), t.fail(CodeProtocol, t.server()+" let the user in, but SFTP cannot be started; check that the account may use SFTP, and that its shell prints nothing"))
	}
	t.client = client
	err = do(client)
	if _, explained := errors.AsType[*Failure](err); err == nil || explained {
		return err
	}
	if SFTPRefused(err) && ctx.Err() == nil {
		return err
	}
	return cmp.Or(t.lost(ctx, err), err)
}

// details tells what was learnt of the host key; keep, the line by which to know it again,
// too.
func (t *sshTest) details(keep bool) map[string]any {
	if t.shown == nil {
		if t.found == nil {
			return nil
		}
		return map[string]any{"host_key_fingerprint": ssh.FingerprintSHA256(t.found)}
	}
	details := map[string]any{
		"host_key":             strings.TrimSpace(string(ssh.MarshalAuthorizedKey(t.shown))),
		"host_key_fingerprint": ssh.FingerprintSHA256(t.shown),
	}
	if keep {
		details["known_host"] = sshkey.KnownHostLine(t.host, t.port, t.shown)
	}
	return details
}
