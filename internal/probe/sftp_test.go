package probe_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/sshtest"
	"strongroom/secret"
)

func text(s string) secret.Value { return secret.New([]byte(s)) }

// byPassword and byKey return what signs in to the server.
func byPassword(s *sshtest.Server) probe.SFTP {
	return probe.SFTP{Host: s.Host, Port: s.Port, Username: s.User, Password: text(s.Password), TestPath: s.Folder}
}

func byKey(s *sshtest.Server) probe.SFTP {
	return probe.SFTP{Host: s.Host, Port: s.Port, Username: s.User, PrivateKey: text(s.Key), TestPath: s.Folder}
}

// driversWords are whole words: a fingerprint may hold any three letters.
var driversWords = regexp.MustCompile(`\b(ssh:|sftp:|EOF\b|dial tcp|i/o timeout|` + bannerCanary + `)`)

// test runs a test of a server on this machine, and fails where the result holds a secret or
// the words of a driver.
func test(t *testing.T, ctx context.Context, s probe.SFTP) probe.Result {
	t.Helper()
	dialer := outbound.New(outbound.Options{Allow: loopback})
	return examined(t, s, probe.New(dialer, time.Now).SFTP(ctx, s))
}

func examined(t *testing.T, s probe.SFTP, r probe.Result) probe.Result {
	t.Helper()
	shown := fmt.Sprintf("%+v", r)
	for _, v := range []secret.Value{s.Password, s.PrivateKey, s.Passphrase} {
		if !v.Empty() && strings.Contains(shown, strings.TrimSpace(string(v.Reveal()))) {
			t.Errorf("the result holds a secret: %s", r.Message)
		}
	}
	if words := driversWords.FindString(shown); words != "" {
		t.Errorf("the result repeats others' words (%q): %s", words, r.Message)
	}
	if r.Success != (r.Code == "") || r.Message == "" || strings.HasSuffix(r.Message, ".") {
		t.Errorf("success %v, code %q, message %q", r.Success, r.Code, r.Message)
	}
	return r
}

// want fails the test unless the result has the code, and a message with these parts.
func want(t *testing.T, r probe.Result, code probe.Code, parts ...string) {
	t.Helper()
	if r.Code != code {
		t.Fatalf("code %q (%s), want %q", r.Code, r.Message, code)
	}
	for _, p := range parts {
		if !strings.Contains(r.Message, p) {
			t.Errorf("%q does not say %q", r.Message, p)
		}
	}
}

func wantPhases(t *testing.T, r probe.Result, names ...string) {
	t.Helper()
	var got []string
	for _, p := range r.Phases {
		got = append(got, p.Name)
	}
	if !slices.Equal(got, names) {
		t.Errorf("phases %q, want %q", got, names)
	}
}

// wantEmpty fails the test where something stayed in the folder.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) > 0 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

func TestARealServerIsSignedInTo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		server sshtest.Options
		how    func(*sshtest.Server) probe.SFTP
	}{
		"with a password":                        {sshtest.Options{}, byPassword},
		"with a password where nothing else is":  {sshtest.Options{Methods: "password"}, byPassword},
		"with a password at a prompt":            {sshtest.Options{Methods: "keyboard-interactive"}, byPassword},
		"with a key":                             {sshtest.Options{}, byKey},
		"with a key where nothing else is":       {sshtest.Options{Methods: "publickey"}, byKey},
		"in a root of its own":                   {sshtest.Options{Chroot: true}, byKey},
		"with an Ed25519 host key":               {sshtest.Options{HostKeys: []string{"ed25519"}}, byKey},
		"with an RSA host key":                   {sshtest.Options{HostKeys: []string{"rsa"}}, byKey},
		"with an ECDSA host key":                 {sshtest.Options{HostKeys: []string{"ecdsa"}}, byKey},
		"with a key and then a password":         {sshtest.Options{Methods: "publickey,password"}, both},
		"with a key and a password of which one": {sshtest.Options{Methods: "password"}, both},
		"with a key that has a passphrase": {sshtest.Options{}, func(s *sshtest.Server) probe.SFTP {
			how := byKey(s)
			how.PrivateKey, how.Passphrase = text(s.ProtectedKey), text(s.Passphrase)
			return how
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, c.server)
			r := test(t, t.Context(), c.how(s))
			want(t, r, "")
			wantPhases(t, r, "connect", "key_exchange", "login", "operation")
			wantEmpty(t, s.Dir)
		})
	}
}

func both(s *sshtest.Server) probe.SFTP {
	how := byKey(s)
	how.Password = text(s.Password)
	return how
}

func TestASignInThatIsRefusedSaysWhatTheServerAccepts(t *testing.T) {
	t.Parallel()
	wrongPassword := func(s *sshtest.Server) probe.SFTP {
		how := byPassword(s)
		how.Password = text("not-the-password")
		return how
	}
	for name, c := range map[string]struct {
		server sshtest.Options
		how    func(*testing.T, *sshtest.Server) probe.SFTP
		says   string
	}{
		"a wrong password": {sshtest.Options{}, func(_ *testing.T, s *sshtest.Server) probe.SFTP { return wrongPassword(s) },
			"refused the user name or the password: it accepts a key or a password"},
		"a wrong password at a prompt": {sshtest.Options{Methods: "keyboard-interactive"}, func(_ *testing.T, s *sshtest.Server) probe.SFTP { return wrongPassword(s) },
			"refused the user name or the password: it accepts answers to its prompts only"},
		"a wrong key": {sshtest.Options{}, func(t *testing.T, s *sshtest.Server) probe.SFTP {
			how := byKey(s)
			how.PrivateKey = text(sshtest.Keygen(t, "ecdsa", ""))
			return how
		}, "refused the key: it accepts a key or a password"},
		"a key where only passwords are taken": {sshtest.Options{Methods: "password"}, func(_ *testing.T, s *sshtest.Server) probe.SFTP { return byKey(s) },
			"does not let this user sign in with a key: it accepts a password only"},
		"a password where only keys are taken": {sshtest.Options{Methods: "publickey"}, func(_ *testing.T, s *sshtest.Server) probe.SFTP { return byPassword(s) },
			"does not let this user sign in with a password: it accepts a key only"},
		"a key where a password is needed too": {sshtest.Options{Methods: "publickey,password"}, func(_ *testing.T, s *sshtest.Server) probe.SFTP { return byKey(s) },
			"it also asks for a password only"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, c.server)
			r := test(t, t.Context(), c.how(t, s))
			want(t, r, probe.CodeAuth, s.Address(), c.says)
			wantPhases(t, r, "connect", "key_exchange", "login")
			if log := s.Stop(); strings.Count(log, "Failed password") > 1 || strings.Count(log, "Failed keyboard-interactive") > 1 {
				t.Errorf("one wrong password counts as several:\n%s", log)
			}
		})
	}
}

func TestAPinnedHostKeyIsAskedForAmongSeveral(t *testing.T) {
	t.Parallel()
	kinds := []string{"ed25519", "rsa", "ecdsa"}
	s := sshtest.Start(t, sshtest.Options{HostKeys: kinds})
	for _, kind := range kinds {
		print := ssh.FingerprintSHA256(s.HostKeys[kind])
		for form, pins := range map[string][]string{
			"a line of authorized_keys": {s.HostKeyLine(kind)},
			"a line of known_hosts":     {"sftp.example.com,192.0.2.1 " + s.HostKeyLine(kind) + " a comment"},
			"a fingerprint":             {print},
			"a padded fingerprint":      {print + "="},
			"one of a list":             {"SHA256:" + strings.Repeat("A", 43), s.HostKeyLine(kind)},
		} {
			t.Run(kind+" as "+form, func(t *testing.T) {
				how := byKey(s)
				how.HostKeys = pins
				r := test(t, t.Context(), how)
				want(t, r, "")
				if r.Details["host_key"] != s.HostKeyLine(kind) || r.Details["host_key_fingerprint"] != print {
					t.Errorf("details %v", r.Details)
				}
				wantPhases(t, r, "connect", "key_exchange", "login", "operation")
			})
		}
	}
}

func TestAHostKeyThatIsNotPinnedIsTold(t *testing.T) {
	t.Parallel()
	s := sshtest.Start(t, sshtest.Options{})
	first := test(t, t.Context(), byKey(s))
	want(t, first, "")
	again := byKey(s)
	again.HostKeys = []string{first.Details["host_key"].(string)}
	want(t, test(t, t.Context(), again), "")
}

func TestAnotherHostKeyIsSentNothing(t *testing.T) {
	t.Parallel()
	other, err := ssh.ParsePrivateKey([]byte(sshtest.Keygen(t, "ed25519", "")))
	if err != nil {
		t.Fatal(err)
	}
	print := ssh.FingerprintSHA256(other.PublicKey())
	for name, c := range map[string]struct {
		server sshtest.Options
		pin    string
	}{
		"than the pinned key":                   {sshtest.Options{HostKeys: []string{"ed25519", "ecdsa"}}, string(ssh.MarshalAuthorizedKey(other.PublicKey()))},
		"than the pinned fingerprint":           {sshtest.Options{HostKeys: []string{"ed25519", "ecdsa"}}, print},
		"of another type than the pinned key's": {sshtest.Options{HostKeys: []string{"rsa"}}, string(ssh.MarshalAuthorizedKey(other.PublicKey()))},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sshtest.Start(t, c.server)
			how := byPassword(s)
			how.HostKeys = []string{c.pin}
			r := test(t, t.Context(), how)
			found, _ := r.Details["host_key_fingerprint"].(string)
			want(t, r, probe.CodeHostKey, s.Address(), "not "+print, "shows the host key "+found)
			if !slices.ContainsFunc(slices.Collect(values(s.HostKeys)), func(k ssh.PublicKey) bool { return ssh.FingerprintSHA256(k) == found }) {
				t.Errorf("found %q is no key of the server's", found)
			}
			if r.Details["host_key"] != nil {
				t.Error("a key that is not pinned is given out to be pinned")
			}
			wantPhases(t, r, "connect", "key_exchange")
			log := s.Stop()
			for _, sign := range []string{s.User, "Failed", "Accepted", "Postponed", "invalid user"} {
				if strings.Contains(log, sign) {
					t.Errorf("something was sent to sign in (%q):\n%s", sign, log)
				}
			}
			if !strings.Contains(log, "[preauth]") {
				t.Errorf("the server was not connected to:\n%s", log)
			}
		})
	}
}

func TestAFolderThatCannotBeWrittenTo(t *testing.T) {
	t.Parallel()
	t.Run("because it is read-only", func(t *testing.T) {
		t.Parallel()
		s := sshtest.Start(t, sshtest.Options{ReadOnly: true})
		r := test(t, t.Context(), byKey(s))
		want(t, r, probe.CodePermission, s.Address(), "does not let the user write a file into the test path")
		wantEmpty(t, s.Dir)
	})
	t.Run("because it is the default, a root of the system's", func(t *testing.T) {
		t.Parallel()
		s := sshtest.Start(t, sshtest.Options{Chroot: true})
		how := byKey(s)
		how.TestPath = ""
		want(t, test(t, t.Context(), how), probe.CodePermission)
	})
	t.Run("because it is not there", func(t *testing.T) {
		t.Parallel()
		s := sshtest.Start(t, sshtest.Options{})
		how := byKey(s)
		how.TestPath += "/missing"
		want(t, test(t, t.Context(), how), probe.CodePermission, "The test path is no folder on the server")
		wantEmpty(t, s.Dir)
	})
	t.Run("because there is no SFTP", func(t *testing.T) {
		t.Parallel()
		s := sshtest.Start(t, sshtest.Options{NoSFTP: true})
		r := test(t, t.Context(), byKey(s))
		want(t, r, probe.CodeProtocol, "SFTP cannot be started")
		wantPhases(t, r, "connect", "key_exchange", "login", "operation")
	})
}
