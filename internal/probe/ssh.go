package probe

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/outbound"
)

// sshFailure is why a test failed, as the Result says it.
type sshFailure struct {
	code    Code
	message string
}

func (f *sshFailure) Error() string { return f.message }

func authFailure(message string) error { return &sshFailure{CodeAuth, message} }

// sshTest is one test of an SSH server. Its methods return *sshFailure.
type sshTest struct {
	dialer  *outbound.Dialer
	phases  *sshPhases
	address string
	user    string
	pins    hostKeys
	login   *sshLogin
	// shown is the last host key that the server proved to have and that may be trusted.
	shown ssh.PublicKey
	// found is the first one that is not pinned.
	found ssh.PublicKey
	// conn is the last connection.
	conn *boundedConn
}

// server names the server in a sentence.
func (t *sshTest) server() string { return "The server at " + t.address }

func (t *sshTest) fail(code Code, message string) error { return &sshFailure{code, message} }

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
// *sshFailure it returns *changedKey.
func (t *sshTest) attempt(ctx context.Context, algorithms []string) (*ssh.Client, error) {
	t.phases.begin(phaseConnect)
	conn, err := t.dialer.DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, t.dialFailure(ctx, err)
	}
	t.phases.begin(phaseKeyExchange)
	t.conn = &boundedConn{Conn: conn, left: maxSSHBytes}
	t.login.offered, t.login.tried, t.login.accepted = nil, nil, nil
	stop := watch(ctx, conn, 0)
	inner, channels, requests, err := ssh.NewClientConn(t.conn, t.address, &ssh.ClientConfig{
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
	return ssh.NewClient(inner, channels, requests), nil
}

// judgeHostKey runs before anything is sent that signs in, the user name included.
func (t *sshTest) judgeHostKey(_ string, _ net.Addr, key ssh.PublicKey) error {
	if err := t.pins.check(key); err != nil {
		return err
	}
	t.shown = key
	t.phases.begin(phaseLogin)
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
		phaseConnect:     "to the connection; check the host and the port, and that a firewall lets this service in",
		phaseKeyExchange: "while keys were exchanged; check that an SSH server listens on that port",
		phaseLogin:       "while signing in; it may be overloaded, or look names up in vain",
		phaseOperation:   "while the test file was written; it may be overloaded",
	}
	return t.fail(CodeTimeout, t.server()+" did not answer in time "+doing[t.phases.current()])
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
		return t.fail(CodeProtocol, t.server()+" sent more than a test reads; check that an SSH server listens on that port")
	case errors.As(err, &negotiated):
		return t.fail(CodeProtocol, t.server()+" and this service have no algorithm in common; it may offer outdated ones only, and has to be updated")
	case t.phases.current() == phaseKeyExchange:
		return t.fail(CodeProtocol, t.server()+" did not speak SSH to its end; check that an SSH server listens on that port, and that it lets this service in")
	case errors.Is(err, errNotSignedIn) && t.conn.broken() == nil:
		return t.fail(CodeAuth, t.server()+" "+t.login.refusal())
	case t.conn.broken() != nil && !errors.Is(t.conn.broken(), io.EOF):
		return t.fail(CodeProtocol, t.server()+" broke the connection off while signing in; try again")
	}
	return t.fail(CodeAuth, t.server()+" ended the connection while signing in; it may have locked the user or this service's address out")
}
