package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom/internal/outbound"
	"strongroom/internal/probe/phases"
)

const phaseKeyExchange = "key_exchange"

func authFailure(message string) error { return &Failure{CodeAuth, message} }

// sshTest is one connection to an SSH server. Its methods return *Failure.
type sshTest struct {
	dialer *outbound.Dialer
	phases *phases.Recorder
	host   string
	port   int
	user   string
	// doing says what is under way once the user is signed in, as the end of a sentence.
	doing string
	pins  hostKeys
	login *sshLogin
	// shown is the last host key that the server proved to have and that may be trusted.
	shown ssh.PublicKey
	// found is the first one that is not pinned.
	found ssh.PublicKey
	// conn is the last connection.
	conn *boundedConn
	// client speaks SFTP over it; nil before it does.
	client *sftp.Client
}

// server names the server in a sentence.
func (t *sshTest) server() string { return "The server at " + t.address() }

func (t *sshTest) address() string { return net.JoinHostPort(t.host, strconv.Itoa(t.port)) }

func (t *sshTest) fail(code Code, message string) error { return &Failure{code, message} }

// open connects and signs in. A host key that is not pinned is no reason to give up where
// the server may have a pinned one of another type.
func (t *sshTest) open(ctx context.Context) (*ssh.Client, error) {
	var seen []string
	for {
		client, err := t.attempt(ctx, t.pins.algorithms(seen))
		var changed *changedKey
		switch {
		case err == nil:
			return client, nil
		case errors.As(err, &changed):
			if t.found == nil {
				t.found = changed.found
			}
			seen = append(seen, changed.found.Type())
			if len(t.pins.algorithms(seen)) > 0 {
				continue
			}
		case t.found == nil || t.shown != nil:
			return nil, err
		}
		return nil, t.fail(CodeHostKey, t.server()+" shows the host key "+ssh.FingerprintSHA256(t.found)+
			" and not "+strings.Join(t.pins.fingerprints, " or ")+
			"; nothing was sent to it. Ask its operator whether the key was changed, and only then store the new one")
	}
}

// attempt makes one connection, asking for host keys of these algorithms. Beside
// *Failure it returns *changedKey.
func (t *sshTest) attempt(ctx context.Context, algorithms []string) (*ssh.Client, error) {
	conn, err := t.dialer.DialContext(phases.Dialing(ctx, t.phases), "tcp", t.address())
	if err != nil {
		return nil, t.dialFailure(ctx, err)
	}
	t.phases.Begin(phaseKeyExchange)
	t.conn = newBoundedConn(conn)
	t.login.reset()
	stop := watch(ctx, conn, 0)
	inner, channels, requests, err := ssh.NewClientConn(t.conn, t.address(), &ssh.ClientConfig{
		User:              t.user,
		HostKeyAlgorithms: algorithms,
		HostKeyCallback:   t.judgeHostKey,
		AuthCallback:      t.login.next,
		ClientVersion:     "SSH-2.0-Strongroom",
	})
	stop()
	if err != nil {
		_ = conn.Close()
		return nil, t.handshakeFailure(ctx, err)
	}
	if !t.login.proved() {
		_ = inner.Close()
		return nil, t.fail(CodeAuth, t.server()+" lets anybody in without password or key, so that the credential proves nothing; check the host and the port, and have the server ask for it")
	}
	return ssh.NewClient(inner, channels, requests), nil
}

// judgeHostKey runs before anything is sent that signs in, the user name included.
func (t *sshTest) judgeHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	if err := t.pins.check(key); err != nil {
		return err
	}
	t.shown = key
	t.phases.Begin(phaseLogin)
	return nil
}

func (t *sshTest) dialFailure(ctx context.Context, err error) error {
	var blocked *outbound.BlockedError
	switch outbound.Classify(err) {
	case outbound.CodeBlockedAddress:
		class := "an address that is blocked"
		if errors.As(err, &blocked) {
			class = blocked.Class
		}
		return t.fail(CodeBlockedAddress, "The host is "+class+", which is not connected to; the operator may allow it with --allow-addresses")
	case outbound.CodeDNS:
		return t.fail(CodeDNS, "The host's name cannot be resolved; check it for a slip, and that it is known outside of your network")
	case outbound.CodeTimeout:
		return t.timeout(ctx)
	}
	if ctx.Err() != nil {
		return t.timeout(ctx)
	}
	return t.fail(CodeRefused, t.server()+" refused the connection; check the host and the port, and that a firewall lets this service in")
}

// timeout says in which phase the server did not answer.
func (t *sshTest) timeout(ctx context.Context) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return t.fail(CodeTimeout, "The test was given up before it ended")
	}
	doing := map[string]string{
		"":               "to the connection; check the host and the port",
		phases.DNS:       "to the look-up of its name; check it for a slip, and try again",
		phaseConnect:     "to the connection; check the host and the port, and that a firewall lets this service in",
		phaseKeyExchange: "while keys were exchanged; check that an SSH server listens on that port",
		phaseLogin:       "while signing in; it may be overloaded, or look names up in vain",
		phaseOperation:   t.doing + "; it may be overloaded",
	}
	return t.fail(CodeTimeout, t.server()+" did not answer in time "+doing[t.phases.Current()])
}

// handshakeFailure says why the driver gave up between the connect and the login.
func (t *sshTest) handshakeFailure(ctx context.Context, err error) error {
	var (
		changed    *changedKey
		negotiated *ssh.AlgorithmNegotiationError
	)
	switch {
	case errors.As(err, &changed):
		return changed
	case ctx.Err() != nil:
		return t.timeout(ctx)
	case errors.Is(t.conn.broken(), errTooMuch):
		return t.fail(CodeProtocol, t.server()+" sent more than is read of it; check that an SSH server listens on that port")
	case errors.As(err, &negotiated):
		return t.fail(CodeProtocol, t.server()+" and this service have no algorithm in common; it may offer outdated ones only, and has to be updated")
	case t.phases.Current() == phaseKeyExchange:
		return t.fail(CodeProtocol, t.server()+" did not speak SSH to its end; check that an SSH server listens on that port, and that it lets this service in")
	case errors.Is(err, errNotSignedIn) && t.conn.broken() == nil:
		return t.fail(CodeAuth, t.server()+" "+t.login.refusal())
	case t.conn.broken() != nil && !errors.Is(t.conn.broken(), io.EOF):
		return t.fail(CodeProtocol, t.server()+" broke the connection off while signing in; try again")
	}
	return t.fail(CodeAuth, t.server()+" ended the connection while signing in; it may have locked the user or this service's address out")
}
