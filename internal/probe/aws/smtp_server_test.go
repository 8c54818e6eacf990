package aws_test

import (
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"

	"strongroom/internal/probe/aws"
)

const (
	smtpHost = "email-smtp.eu-west-1.amazonaws.com"
	otherTop = "smtp.example.com"
)

// mailServer is an SMTP server that takes one user.
type mailServer struct {
	certificate tls.Certificate
	// implicit: TLS is spoken from the start.
	implicit bool
	// plain: STARTTLS is promised, and something else follows.
	plain bool
	// greeting, ehlo, startTLS and login replace its replies; "" leaves them. A reply that
	// begins with "-" is sent without it, and the connection closed.
	greeting, ehlo, startTLS, login string
	// most is the newest TLS version; 0: any.
	most uint16

	mu   sync.Mutex
	said []string
}

// start listens, and returns the options that lead there.
func (s *mailServer) start(t *testing.T) aws.Options {
	t.Helper()
	var roots *x509.CertPool
	s.certificate, roots = certificate(t, smtpHost, otherTop)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer func() { _ = conn.Close() }()
				s.talk(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); served.Wait() })
	return aws.Options{SMTP: l.Addr().String(), RootCAs: roots}
}

// commands are what clients said, in capitals and without their arguments.
func (s *mailServer) commands() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.said, " ")
}

func (s *mailServer) config() *tls.Config {
	return &tls.Config{Certificates: []tls.Certificate{s.certificate}, MaxVersion: s.most}
}

func (s *mailServer) talk(raw net.Conn) {
	if s.implicit {
		raw = tls.Server(raw, s.config())
	}
	_, encrypted := raw.(*tls.Conn)
	conn := textproto.NewConn(raw)
	if !reply(conn, s.greeting, "220 "+smtpHost+" ESMTP SimpleEmailService") {
		return
	}
	for {
		line, err := conn.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		s.mu.Lock()
		s.said = append(s.said, strings.ToUpper(verb))
		s.mu.Unlock()
		switch strings.ToUpper(verb) {
		case "EHLO":
			if !reply(conn, s.ehlo, s.offer(encrypted)) {
				return
			}
		case "STARTTLS":
			if !reply(conn, s.startTLS, "220 Ready to start TLS") {
				return
			}
			if s.plain {
				_, _ = raw.Read(make([]byte, 4096))
				_, _ = io.WriteString(raw, "not TLS at all, but text")
				return
			}
			raw, encrypted = tls.Server(raw, s.config()), true
			conn = textproto.NewConn(raw)
		case "AUTH":
			if !reply(conn, s.login, s.judge(encrypted, rest)) {
				return
			}
		case "QUIT":
			_ = conn.PrintfLine("221 Bye")
			return
		default:
			_ = conn.PrintfLine("502 Not implemented")
		}
	}
}

func (s *mailServer) offer(encrypted bool) string {
	if encrypted {
		return "250-" + smtpHost + "\r\n250-8BITMIME\r\n250-AUTH PLAIN LOGIN\r\n250 Ok"
	}
	return "250-" + smtpHost + "\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 Ok"
}

// judge checks a sign-in (RFC 4616).
func (s *mailServer) judge(encrypted bool, rest string) string {
	mechanism, encoded, _ := strings.Cut(rest, " ")
	message, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case !encrypted:
		return "530 Must issue a STARTTLS command first"
	case mechanism != "PLAIN" || err != nil:
		return "501 Syntax error"
	case subtle.ConstantTimeCompare(message, []byte("\x00"+smtpName+"\x00"+password)) != 1:
		return "535 Authentication Credentials Invalid"
	}
	return "235 Authentication successful."
}

// reply sends what replaces a reply, or the reply, and tells whether to go on.
func reply(conn *textproto.Conn, instead, usual string) bool {
	switch text, last := strings.CutPrefix(instead, "-"); {
	case instead == "":
		return conn.PrintfLine("%s", usual) == nil
	case last:
		_, _ = io.WriteString(conn.W, text)
		_ = conn.W.Flush()
		return false
	}
	return conn.PrintfLine("%s", instead) == nil
}
