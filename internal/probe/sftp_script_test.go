package probe_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/probe"
)

const bannerCanary = "banner-canary"

// listen answers every connection with serve, and waits at the test's end until all are over.
func listen(t *testing.T, serve func(net.Conn)) probe.SFTP {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	s := somewhere()
	s.Port = l.Addr().(*net.TCPAddr).Port
	return s
}

// script is an SSH server of the test's own. What is nil is done as it should be.
type script struct {
	// hangUp closes the connection instead of answering a password.
	hangUp bool
	// login answers a password.
	login func() error
	// channel is given every channel that is asked for.
	channel func(ssh.NewChannel)
	// sftp is given the channel of the SFTP subsystem.
	sftp func(ssh.Channel)
	// end ends the connection when sftp is done.
	end bool
	// config changes how users sign in.
	config func(*ssh.ServerConfig)
	// logins counts the tries to sign in, "none" among them.
	logins *atomic.Int64
}

func (s script) listen(t *testing.T) probe.SFTP {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return listen(t, func(conn net.Conn) {
		config := &ssh.ServerConfig{
			ServerVersion:  "SSH-2.0-" + bannerCanary,
			BannerCallback: func(ssh.ConnMetadata) string { return bannerCanary },
			PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
				if s.hangUp {
					return nil, conn.Close()
				}
				if s.login == nil {
					return nil, nil
				}
				return nil, s.login()
			},
		}
		config.AddHostKey(signer)
		if s.config != nil {
			s.config(config)
		}
		if s.logins != nil {
			config.AuthLogCallback = func(ssh.ConnMetadata, string, error) { s.logins.Add(1) }
		}
		_, channels, requests, err := ssh.NewServerConn(conn, config)
		if err != nil {
			return
		}
		go ssh.DiscardRequests(requests)
		for c := range channels {
			s.serve(conn, c)
		}
	})
}

// serve opens a channel and waits for the request for SFTP.
func (s script) serve(conn net.Conn, c ssh.NewChannel) {
	if s.channel != nil {
		s.channel(c)
		return
	}
	channel, requests, err := c.Accept()
	if err != nil {
		return
	}
	for r := range requests {
		_ = r.Reply(true, nil)
		go func() {
			s.sftp(channel)
			_ = channel.Close()
			if s.end {
				_ = conn.Close()
			}
		}()
	}
}

// The messages of SFTP that scripts need.
const (
	messageVersion = 2
	messageStatus  = 101
	messageHandle  = 102
	messageData    = 103
)

// message makes an SFTP message; status one that answers a request.
func message(kind byte, body ...byte) []byte {
	m := binary.BigEndian.AppendUint32(nil, uint32(len(body))+1)
	return append(append(m, kind), body...)
}

func status(id, code uint32) []byte {
	body := binary.BigEndian.AppendUint32(nil, id)
	body = binary.BigEndian.AppendUint32(body, code)
	body = append(body, 0, 0, 0, byte(len(bannerCanary)))
	return message(messageStatus, append(append(body, bannerCanary...), 0, 0, 0, 0)...)
}

// answering returns a script of an SFTP server that answers each request's id.
func answering(answer func(id uint32) []byte) script {
	return script{sftp: func(c ssh.Channel) {
		for first := true; ; first = false {
			var length [4]byte
			if _, err := io.ReadFull(c, length[:]); err != nil {
				return
			}
			request := make([]byte, binary.BigEndian.Uint32(length[:]))
			if _, err := io.ReadFull(c, request); err != nil {
				return
			}
			reply := message(messageVersion, 0, 0, 0, 3)
			if !first {
				reply = answer(binary.BigEndian.Uint32(request[1:]))
			}
			if _, err := c.Write(reply); err != nil {
				return
			}
		}
	}}
}

// expiring is a context whose deadline passes when the test says so.
type expiring struct {
	context.Context
	cancel context.CancelFunc
}

func newExpiring(t *testing.T) *expiring {
	ctx, cancel := context.WithCancel(t.Context())
	return &expiring{ctx, cancel}
}

func (e *expiring) Err() error {
	if e.Context.Err() != nil {
		return context.DeadlineExceeded
	}
	return nil
}

// Value hides the standard library's own context, whose error is another.
func (e *expiring) Value(any) any { return nil }
