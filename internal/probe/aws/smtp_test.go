package aws_test

import (
	"context"
	"crypto/tls"
	"maps"
	"strings"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/probe/aws"
)

func TestSigningInOverSMTPSendsNoMail(t *testing.T) {
	for name, c := range map[string]struct {
		server   *mailServer
		data     members
		host     string
		commands string
	}{
		"by default":             {&mailServer{}, mailbox(), smtpHost, "EHLO STARTTLS EHLO AUTH QUIT"},
		"on another port":        {&mailServer{}, mailbox().with(members{"port": 2587}), smtpHost, "EHLO STARTTLS EHLO AUTH QUIT"},
		"on port 25":             {&mailServer{}, mailbox().with(members{"port": 25.0}), smtpHost, "EHLO STARTTLS EHLO AUTH QUIT"},
		"at another host":        {&mailServer{}, mailbox().with(members{"host": otherTop}), otherTop, "EHLO STARTTLS EHLO AUTH QUIT"},
		"with TLS at once":       {&mailServer{implicit: true}, mailbox().with(members{"port": 465}), smtpHost, "EHLO AUTH QUIT"},
		"with TLS at once, 2465": {&mailServer{implicit: true}, mailbox().with(members{"port": 2465}), smtpHost, "EHLO AUTH QUIT"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), c.server.start(t), "user_password", c.data)
			if !r.Success || !maps.Equal(r.Details, map[string]any{"host": c.host, "tls": "TLS 1.3"}) {
				t.Errorf("%+v", r)
			}
			wantPhases(t, r, "connect tls login")
			if got := c.server.commands(); got != c.commands {
				t.Errorf("the server was told %q, want %q", got, c.commands)
			}
		})
	}
}

func TestSigningInOverSMTPThatFailsIsToldWhy(t *testing.T) {
	const noAuth = "250-" + smtpHost + "\r\n250-STARTTLS\r\n250 AUTH LOGIN"
	for name, c := range map[string]struct {
		server *mailServer
		data   members
		code   strongroom.CheckCode
		says   string
		phase  string
	}{
		"another password":                {&mailServer{}, mailbox().with(members{"password": "other"}), strongroom.CheckAuth, "refused the SMTP user name or password", "login"},
		"another user name":               {&mailServer{}, mailbox().with(members{"username": "other"}), strongroom.CheckAuth, "refused the SMTP user name or password", "login"},
		"the sign-in is put off":          {&mailServer{login: "454 Temporary authentication failure"}, mailbox(), strongroom.CheckProtocol, "for now", "login"},
		"the sign-in is not understood":   {&mailServer{login: "504 What?"}, mailbox(), strongroom.CheckProtocol, "AUTH PLAIN", "login"},
		"the sign-in is asked on":         {&mailServer{login: "334 " + strings.Repeat("x", 3)}, mailbox(), strongroom.CheckProtocol, "check the host", "login"},
		"no passwords are taken":          {&mailServer{ehlo: noAuth}, mailbox(), strongroom.CheckProtocol, "AUTH PLAIN", "login"},
		"no TLS is offered":               {&mailServer{ehlo: "250 " + smtpHost}, mailbox(), strongroom.CheckTLS, "does not offer STARTTLS", "tls"},
		"TLS is refused":                  {&mailServer{startTLS: "454 TLS not available"}, mailbox(), strongroom.CheckProtocol, "for now", "tls"},
		"TLS does not come":               {&mailServer{plain: true}, mailbox(), strongroom.CheckTLS, "does not speak TLS", "tls"},
		"TLS is outdated":                 {&mailServer{most: tls.VersionTLS11}, mailbox(), strongroom.CheckTLS, "TLS 1.2", "tls"},
		"TLS where there is none":         {&mailServer{}, mailbox().with(members{"port": 465}), strongroom.CheckTLS, "does not speak TLS", "tls"},
		"the certificate is another's":    {&mailServer{}, mailbox().with(members{"host": "mail.example.net"}), strongroom.CheckTLS, "for another name", "tls"},
		"implicit, and another's":         {&mailServer{implicit: true}, mailbox().with(members{"host": "mail.example.net", "port": 465}), strongroom.CheckTLS, "for another name", "tls"},
		"it is full":                      {&mailServer{greeting: "421 Too many connections"}, mailbox(), strongroom.CheckProtocol, "for now", "tls"},
		"it turns us away":                {&mailServer{greeting: "554 No SMTP service here"}, mailbox(), strongroom.CheckProtocol, "turns this service away", "tls"},
		"it is another sort of server":    {&mailServer{greeting: "HTTP/1.1 400 Bad Request"}, mailbox(), strongroom.CheckProtocol, "does not speak SMTP", "tls"},
		"it says something else":          {&mailServer{greeting: "100 continue"}, mailbox(), strongroom.CheckProtocol, "does not speak SMTP", "tls"},
		"it hangs up at once":             {&mailServer{greeting: "-"}, mailbox(), strongroom.CheckProtocol, "broke the connection off", "tls"},
		"it hangs up when told a name":    {&mailServer{login: "-"}, mailbox(), strongroom.CheckProtocol, "broke the connection off", "login"},
		"its greeting has no end":         {&mailServer{greeting: "-220-" + strings.Repeat("x", 4<<20)}, mailbox(), strongroom.CheckProtocol, "sent more than a test reads", "tls"},
		"its greeting has too many lines": {&mailServer{greeting: "-" + strings.Repeat("220-welcome\r\n", 200<<10)}, mailbox(), strongroom.CheckProtocol, "sent more than a test reads", "tls"},
		"it repeats the password":         {&mailServer{login: "535 " + password + " is wrong"}, mailbox(), strongroom.CheckAuth, "refused", "login"},
	} {
		t.Run(name, func(t *testing.T) {
			r := test(t, t.Context(), c.server.start(t), "user_password", c.data)
			wantFailure(t, r, c.code, c.says)
			if last := r.Phases[len(r.Phases)-1].Name; last != c.phase {
				t.Errorf("it ended in %s, want %s", last, c.phase)
			}
			if sent := strings.Contains(c.server.commands(), "AUTH"); sent && c.phase != "login" {
				t.Error("the password was sent before TLS was there")
			}
		})
	}
}

func TestASilentMailServerEndsWithTheContext(t *testing.T) {
	// A server that speaks TLS at once waits for the client to begin, and the client for it.
	for name, s := range map[string]*mailServer{
		"before the greeting": {implicit: true},
		"amid a reply":        {ehlo: "250-" + smtpHost},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			wantFailure(t, test(t, ctx, s.start(t), "user_password", mailbox()), strongroom.CheckTimeout, "did not answer in time")
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantFailure(t, test(t, ctx, (&mailServer{}).start(t), "user_password", mailbox()), strongroom.CheckTimeout, "given up")
}

func TestAMailServerThatIsNotReachedIsToldWhy(t *testing.T) {
	wantFailure(t, test(t, t.Context(), aws.Options{}, "user_password", mailbox()), strongroom.CheckDNS, "cannot be resolved")
	wantFailure(t, test(t, t.Context(), aws.Options{}, "user_password", mailbox().with(members{"host": "127.0.0.2"})), strongroom.CheckBlockedAddress, "--allow-addresses")
	wantFailure(t, test(t, t.Context(), aws.Options{}, "user_password", mailbox().with(members{"host": "[::1]"})), strongroom.CheckBlockedAddress, "--allow-addresses")
}
