package connections_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"strongroom"
	"strongroom/internal/probe/sshtest"
)

// keyOpens tells whether the private key signs the server's user in.
func keyOpens(t *testing.T, server *sshtest.Server, private string) bool {
	t.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(private))
	must(t, err)
	conn, err := net.Dial("tcp", server.Address())
	must(t, err)
	defer conn.Close()
	client, _, _, err := ssh.NewClientConn(conn, server.Address(), &ssh.ClientConfig{
		User: server.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.FixedHostKey(server.HostKeys["ed25519"]), Timeout: time.Minute,
	})
	if err != nil {
		if !strings.Contains(err.Error(), "unable to authenticate") {
			t.Fatal(err)
		}
		return false
	}
	must(t, client.Close())
	return true
}

// authorized returns the lines of the server's file of authorized keys.
func authorized(t *testing.T, server *sshtest.Server) []string {
	t.Helper()
	text, err := os.ReadFile(server.AuthorizedKeys)
	must(t, err)
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// publicLine is a private key's public half, as authorized_keys has it.
func publicLine(t *testing.T, private string) string {
	t.Helper()
	signer, err := ssh.ParsePrivateKey([]byte(private))
	must(t, err)
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey())))
}

// others are lines that stand in authorized_keys and are none of the service's business.
func others(t *testing.T, server *sshtest.Server) (before, after string) {
	t.Helper()
	stranger := publicLine(t, sshtest.Keygen(t, "ed25519", ""))
	before = "# who looks after this server\nrestrict,from=\"192.0.2.0/24\" " + stranger + "  somebody else"
	after = "# end, with a line that is no key:\nssh-ed25519 broken\n"
	lines := append([]string{before}, authorized(t, server)...)
	must(t, os.WriteFile(server.AuthorizedKeys, []byte(strings.Join(append(lines, after), "\n")), 0o600))
	return before, after
}

func TestAKeyIsChangedAtTheServerAndTheOldOneGoesAfterTheGracePeriod(t *testing.T) {
	s := begin(t)
	server := s.sshd(sshtest.Options{HomeKeys: true})
	before, after := others(t, server)
	was := strings.Join(authorized(t, server), "\n")
	id := s.store("sftp", "sftp", byKey(server))
	wantTried(t, s.test(id).ConnectionTest, "")

	r := s.rotate(id)
	wantState(t, r, strongroom.RotationPromoted)
	if r.Method != "sftp_key" || r.PromotedVersion == nil || *r.PromotedVersion != 2 || r.NextAttemptAt == nil {
		t.Errorf("the rotation is %+v", r)
	}
	if grace := r.NextAttemptAt.Sub(s.clock.now()); grace < 23*time.Hour || grace > 24*time.Hour {
		t.Errorf("the old key is removed after %v, want a day", grace)
	}
	fresh := s.text(s.open(id), "private_key_data")
	if !keyOpens(t, server, server.Key) || !keyOpens(t, server, fresh) {
		t.Fatal("not both keys open in the grace period")
	}
	if now := strings.Join(authorized(t, server), "\n"); !strings.Contains(now, publicLine(t, fresh)) || !strings.Contains(now, was) {
		t.Errorf("authorized_keys has become\n%s", now)
	}
	wantTried(t, s.test(id).ConnectionTest, "")
	if again := s.rotate(id); again.ID != r.ID {
		t.Error("another rotation has begun in the grace period")
	}

	s.clock.advance(23 * time.Hour)
	key := s.wrong()
	e := startAPI(t, key)
	other := s.api(e, "/me", key)
	s.clock.advance(aWhile)
	s.untilDone("another is tested", func() bool { return s.health(other) == "ok" })
	if !keyOpens(t, server, server.Key) {
		t.Error("the old key is gone before the grace period has ended")
	}

	s.clock.advance(time.Hour)
	s.untilDone("the old key is removed", func() bool { return s.rotations(id)[0].State == "done" })
	if keyOpens(t, server, server.Key) || !keyOpens(t, server, fresh) {
		t.Error("it is not the new key alone that opens")
	}
	now := strings.Join(authorized(t, server), "\n")
	if !strings.HasPrefix(now, before+"\n") || !strings.Contains(now, strings.TrimSuffix(after, "\n")) || strings.Contains(now, publicLine(t, server.Key)) {
		t.Errorf("authorized_keys has become\n%s", now)
	}
	if want := []string{"began", "changing", "promoted", "cleaned"}; strings.Join(s.notes(id), " ") != strings.Join(want, " ") {
		t.Errorf("on record is %v, want %v", s.notes(id), want)
	}
}

func TestAKeyThatCannotBeReplacedStaysWhatItWas(t *testing.T) {
	for name, options := range map[string]sshtest.Options{
		"a root of the user's own, without the file": {Chroot: true},
		"a file that the user cannot write":          {HomeKeys: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := begin(t)
			server := s.sshd(options)
			if options.HomeKeys {
				must(t, os.Chown(server.AuthorizedKeys, 0, 0))
				must(t, os.Chmod(server.AuthorizedKeys, 0o644))
			}
			was := strings.Join(authorized(t, server), "\n")
			id := s.store("sftp", "sftp", byKey(server))
			r := s.rotate(id)
			wantState(t, r, strongroom.RotationFailed)
			if deref(r.Code) != string(strongroom.CheckPermission) || deref(r.Message) == "" || r.PromotedVersion != nil {
				t.Errorf("the rotation is %+v: %s", r, deref(r.Message))
			}
			if now := strings.Join(authorized(t, server), "\n"); now != was {
				t.Errorf("authorized_keys has become\n%s", now)
			}
			if m := s.metadata(id); m.Version != 1 || m.LastRotatedAt != nil {
				t.Errorf("the metadata say %s", brief(m))
			}
			wantTried(t, s.test(id).ConnectionTest, "")
		})
	}
	t.Run("a password cannot be rotated at all", func(t *testing.T) {
		s := begin(t)
		id := s.store("sftp", "sftp", byPassword(s.sshd(sshtest.Options{})))
		s.post(credentials+"/"+id+"/rotate", nil).WantError(t, 400, "bad_request")
		if list := s.rotations(id); len(list) != 0 {
			t.Errorf("there are rotations: %+v", list)
		}
	})
}
