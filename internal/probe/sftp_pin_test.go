package probe_test

import (
	"io"
	"maps"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom/internal/probe"
	"strongroom/internal/probe/sshtest"
)

// knownHost connects once and returns the line that it leaves behind.
func knownHost(t *testing.T, s probe.SFTP) string {
	t.Helper()
	r := test(t, t.Context(), s)
	want(t, r, "")
	line, _ := r.Details["known_host"].(string)
	if !strings.HasPrefix(line, "[127.0.0.1]:"+strconv.Itoa(s.Port)+" ") {
		t.Fatalf("known_host %q", line)
	}
	return line
}

func TestTheKeyOfTheFirstConnectionIsHeldTo(t *testing.T) {
	t.Parallel()
	kinds := []string{"rsa", "ecdsa", "ed25519"}
	s := sshtest.Start(t, sshtest.Options{HostKeys: kinds})
	for _, kind := range kinds {
		t.Run("as "+kind, func(t *testing.T) {
			how := byPassword(s)
			how.KnownHost = "[127.0.0.1]:" + strconv.Itoa(s.Port) + " " + s.HostKeyLine(kind)
			if line := knownHost(t, how); line != how.KnownHost {
				t.Errorf("known_host becomes %q, from %q", line, how.KnownHost)
			}
		})
	}
	t.Run("not where host keys are given", func(t *testing.T) {
		how := byPassword(s)
		how.HostKeys, how.KnownHost = []string{s.HostKeyLine("rsa")}, "[127.0.0.1]:"+strconv.Itoa(s.Port)+" "+hostKeyLine
		r := test(t, t.Context(), how)
		want(t, r, "")
		if r.Details["known_host"] != nil {
			t.Error("a line to keep where the host keys are given")
		}
	})
	for name, where := range map[string]string{
		"of another host": "[127.0.0.2]:" + strconv.Itoa(s.Port),
		"of another port": "[127.0.0.1]:1",
		"of port 22":      "127.0.0.1",
	} {
		t.Run("not the key "+name, func(t *testing.T) {
			how := byPassword(s)
			how.KnownHost = where + " " + hostKeyLine
			if line := knownHost(t, how); line == how.KnownHost {
				t.Errorf("known_host stays %q", line)
			}
		})
	}
}

func TestAnotherKeyThanThatOfTheFirstConnectionIsSentNothing(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options sshtest.Options
		where   func(probe.SFTP) string
		host    string
	}{
		"of the same type":       {sshtest.Options{}, func(s probe.SFTP) string { return "[127.0.0.1]:" + strconv.Itoa(s.Port) }, "127.0.0.1"},
		"of another type":        {sshtest.Options{HostKeys: []string{"ecdsa"}}, func(s probe.SFTP) string { return "[127.0.0.1]:" + strconv.Itoa(s.Port) }, "127.0.0.1"},
		"under another spelling": {sshtest.Options{}, func(s probe.SFTP) string { return "[localhost]:" + strconv.Itoa(s.Port) }, "LOCALHOST"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, c.options)
			how := byPassword(s)
			how.Host, how.KnownHost = c.host, c.where(how)+" "+hostKeyLine
			r := test(t, t.Context(), how)
			want(t, r, probe.CodeHostKey, "nothing was sent to it")
			if r.Details["host_key"] != nil || r.Details["known_host"] != nil {
				t.Error("a key that is not pinned is given out to be pinned")
			}
			if c.host == "127.0.0.1" {
				wantPhases(t, r, "connect", "key_exchange")
			} else {
				wantPhases(t, r, "dns", "connect", "key_exchange")
			}
			wantNoLogin(t, s)
		})
	}
}

// wantNoLogin stops the server and fails the test where anything was sent to sign in.
func wantNoLogin(t *testing.T, s *sshtest.Server) {
	t.Helper()
	log := s.Stop()
	for _, sign := range []string{s.User, "Failed", "Accepted", "Postponed", "invalid user"} {
		if strings.Contains(log, sign) {
			t.Errorf("something was sent to sign in (%q):\n%s", sign, log)
		}
	}
	if !strings.Contains(log, "[preauth]") {
		t.Errorf("the server was not connected to:\n%s", log)
	}
}

func TestAFirstKeyThatCannotBeReadIsNotTakenForNone(t *testing.T) {
	for name, line := range map[string]string{
		"no key":          "127.0.0.1",
		"a hashed name":   "|1|salt|hash " + hostKeyLine,
		"a pattern":       "* " + hostKeyLine,
		"several hosts":   "a,b " + hostKeyLine,
		"a fingerprint":   "127.0.0.1 SHA256:" + strings.Repeat("A", 43),
		"a marker":        "@revoked 127.0.0.1 " + hostKeyLine,
		"a damaged key":   "127.0.0.1 " + hostKeyLine[:len(hostKeyLine)-4],
		"a key's comment": "127.0.0.1 " + hostKeyLine + " more",
		"a port of words": "[127.0.0.1]:ssh " + hostKeyLine,
		"no port at all":  "[127.0.0.1] " + hostKeyLine,
	} {
		t.Run(name, func(t *testing.T) {
			s := somewhere()
			s.KnownHost = line
			r := blocked(t, s)
			want(t, r, probe.CodeHostKey, "cannot be read")
			wantPhases(t, r)
		})
	}
}

// lenient is a server that takes any password, and lets users in as allow has it besides.
type lenient struct {
	logins    atomic.Int64
	passwords chan string
}

func (l *lenient) listen(t *testing.T, allow func(*ssh.ServerConfig)) probe.SFTP {
	t.Helper()
	l.passwords = make(chan string, 1)
	return script{logins: &l.logins, config: func(c *ssh.ServerConfig) {
		c.PasswordCallback = func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			l.passwords <- string(password)
			return nil, nil
		}
		allow(c)
	}, sftp: func(ssh.Channel) {}}.listen(t)
}

// wantNothing fails the test where anything was sent to sign in.
func (l *lenient) wantNothing(t *testing.T) {
	t.Helper()
	if n := l.logins.Load(); n > 0 || len(l.passwords) > 0 {
		t.Errorf("%d tries to sign in, %d passwords", n, len(l.passwords))
	}
}

// allowances let users in without asking for anything.
var allowances = map[string]func(*ssh.ServerConfig){
	"by the method none": func(c *ssh.ServerConfig) { c.NoClientAuth = true },
	"by prompts without a question": func(c *ssh.ServerConfig) {
		c.PasswordCallback = nil
		c.KeyboardInteractiveCallback = func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			_, err := ask("", "", nil, nil)
			return nil, err
		}
	},
}

func TestAServerThatAsksForNothingProvesNothing(t *testing.T) {
	t.Parallel()
	for name, allow := range allowances {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l lenient
			s := l.listen(t, allow)
			r := test(t, t.Context(), s)
			want(t, r, probe.CodeAuth, "lets anybody in without password or key")
			wantPhases(t, r, "connect", "key_exchange", "login")
			if len(l.passwords) > 0 || r.Details["known_host"] != nil {
				t.Errorf("%d passwords were sent; details %v", len(l.passwords), r.Details)
			}
			s.KnownHost = "[127.0.0.1]:" + strconv.Itoa(s.Port) + " " + r.Details["host_key"].(string)
			want(t, test(t, t.Context(), s), probe.CodeAuth, "lets anybody in without password or key")
		})
	}
}

func TestAServerInTheMiddleThatLetsAnybodyInIsSentNothing(t *testing.T) {
	t.Parallel()
	servers := maps.Clone(allowances)
	servers["with any password"] = func(*ssh.ServerConfig) {}
	for name, allow := range servers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var l lenient
			s := l.listen(t, allow)
			s.KnownHost = "[127.0.0.1]:" + strconv.Itoa(s.Port) + " " + hostKeyLine
			want(t, test(t, t.Context(), s), probe.CodeHostKey, "nothing was sent to it")
			l.wantNothing(t)
			s.KnownHost, s.HostKeys = "", []string{hostKeyLine}
			want(t, test(t, t.Context(), s), probe.CodeHostKey, "nothing was sent to it")
			l.wantNothing(t)
		})
	}
	t.Run("unless no key is pinned", func(t *testing.T) {
		t.Parallel()
		var l lenient
		test(t, t.Context(), l.listen(t, servers["with any password"]))
		if got := <-l.passwords; got != "canary-password" {
			t.Error("the server was shown another password")
		}
	})
}

func TestALookWritesNothing(t *testing.T) {
	t.Parallel()
	t.Run("into a folder that could not be written to", func(t *testing.T) {
		t.Parallel()
		s := sshtest.Start(t, sshtest.Options{ReadOnly: true})
		how := byKey(s)
		how.LookOnly = true
		r := test(t, t.Context(), how)
		want(t, r, "", "found the test path")
		wantPhases(t, r, "connect", "key_exchange", "login", "operation")
		how.TestPath += "/missing"
		want(t, test(t, t.Context(), how), probe.CodePermission, "no folder on the server")
		how.TestPath = "/etc/passwd"
		want(t, test(t, t.Context(), how), probe.CodePermission, "no folder on the server")
	})
	t.Run("to a server that notes every request", func(t *testing.T) {
		t.Parallel()
		d := &disk{Handlers: sftp.InMemHandler()}
		d.put = func(w io.WriterAt) (io.WriterAt, error) { t.Error("a file was opened to write"); return w, nil }
		d.cmd = func(*sftp.Request) error { t.Error("a command was sent"); return nil }
		s := d.script().listen(t)
		s.LookOnly = true
		want(t, test(t, t.Context(), s), "")
	})
}
