package sshtest

import (
	"crypto/rand"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// random returns 64 bits in lower-case letters and digits.
func random() string { return strings.ToLower(rand.Text()[:13]) }

// folder makes one that every user can enter. Below /tmp, which everybody may write to, sshd
// would refuse it as a root to lock a user into.
func folder(t testing.TB) string {
	t.Helper()
	parent := os.TempDir()
	if os.Geteuid() == 0 {
		parent = "/var/lib"
	}
	dir, err := os.MkdirTemp(parent, "sshtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// makeUser makes a system user with a password for as long as the test runs. Without root
// it returns the present one, whose password nobody knows.
func makeUser(t testing.TB, o Options) (name, password string) {
	t.Helper()
	if os.Geteuid() != 0 {
		if o.Chroot || o.Methods != "" && o.Methods != "publickey" {
			t.Fatal("sshtest: run this test as root: passwords and a root of its own need a system user")
		}
		present, err := user.Current()
		if err != nil {
			t.Fatal(err)
		}
		return present.Username, ""
	}
	// The privilege separation of Debian's sshd; its service makes it otherwise.
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
		t.Fatal(err)
	}
	name, password = "sshtest-"+random(), "pass-"+random()
	locked(t, func() {
		command(t, "", "useradd", "--no-create-home", "--home-dir", "/", "--shell", "/bin/sh", name)
	})
	// A process of the user's may be about to end still, hence the force.
	t.Cleanup(func() { locked(t, func() { command(t, "", "userdel", "--force", name) }) })
	locked(t, func() { command(t, name+":"+password, "chpasswd", "--crypt-method", "SHA512") })
	return name, password
}

// locked runs one change to the system's users at a time; useradd does not wait.
func locked(t testing.TB, change func()) {
	t.Helper()
	f, err := os.OpenFile(filepath.Join(os.TempDir(), "sshtest-users.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	change()
}

// makeKeys makes the host keys and two of the user's, one of them with a passphrase.
func (s *Server) makeKeys(t testing.TB, base string, o Options) {
	t.Helper()
	for _, kind := range o.HostKeys {
		_, s.HostKeys[kind] = keygen(t, filepath.Join(base, "host_"+kind), kind, "")
	}
	var public, protected ssh.PublicKey
	s.Key, public = keygen(t, filepath.Join(base, "key"), "ed25519", "")
	s.ProtectedKey, protected = keygen(t, filepath.Join(base, "protected"), "rsa", s.Passphrase)
	s.AuthorizedKeys = filepath.Join(base, "authorized_keys")
	write(t, s.AuthorizedKeys,
		string(ssh.MarshalAuthorizedKey(public))+string(ssh.MarshalAuthorizedKey(protected)), 0o644)
}

// Keygen makes a key that no server knows, and returns its file's text. More arguments are
// ssh-keygen's.
func Keygen(t testing.TB, kind, passphrase string, more ...string) string {
	t.Helper()
	private, _ := keygen(t, filepath.Join(t.TempDir(), "key"), kind, passphrase, more...)
	return private
}

func keygen(t testing.TB, path, kind, passphrase string, more ...string) (private string, public ssh.PublicKey) {
	t.Helper()
	arguments := []string{"-q", "-t", kind, "-N", passphrase, "-C", "", "-f", path}
	if kind == "rsa" {
		arguments = append(arguments, "-b", "2048")
	}
	command(t, "", "ssh-keygen", append(arguments, more...)...)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	line, err := os.ReadFile(path + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	if public, _, _, _, err = ssh.ParseAuthorizedKey(line); err != nil {
		t.Fatal(err)
	}
	return string(text), public
}

// makeFolder makes the user's folder, below a root that is sshd's to guard.
func (s *Server) makeFolder(t testing.TB, base string, o Options) {
	t.Helper()
	s.Dir = filepath.Join(base, "root", "files")
	if err := os.MkdirAll(s.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	s.Folder = s.Dir
	if o.Chroot {
		s.Folder = "/files"
	}
	if o.ReadOnly {
		if err := os.Chmod(s.Dir, 0o555); err != nil {
			t.Fatal(err)
		}
		return
	}
	s.Give(t, s.Dir)
	if o.HomeKeys {
		s.moveKeys(t)
	}
}

// moveKeys puts the user's authorized_keys into the user's folder.
func (s *Server) moveKeys(t testing.TB) {
	t.Helper()
	keys, err := os.ReadFile(s.AuthorizedKeys)
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(s.Dir, ".ssh")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.AuthorizedKeys = filepath.Join(folder, "authorized_keys")
	write(t, s.AuthorizedKeys, string(keys), 0o600)
	s.Give(t, folder)
	s.Give(t, s.AuthorizedKeys)
}

// Give makes a file the user's; without root it is already.
func (s *Server) Give(t testing.TB, path string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	u, err := user.Lookup(s.User)
	if err != nil {
		t.Fatal(err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// command runs a program with a text to read.
func command(t testing.TB, input, name string, args ...string) {
	t.Helper()
	c := exec.Command(name, args...)
	c.Stdin = strings.NewReader(input)
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("sshtest: %s: %v: %s", name, err, out)
	}
}
