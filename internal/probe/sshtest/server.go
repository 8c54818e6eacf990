package sshtest

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Options make a Server.
type Options struct {
	// HostKeys are key types as ssh-keygen names them: "ed25519", "rsa", "ecdsa"; default
	// "ed25519".
	HostKeys []string
	// Methods are sshd's AuthenticationMethods: "publickey", "password",
	// "keyboard-interactive", or several after commas; default either of the first two.
	Methods string
	// Chroot makes the user's folder /files of a root that the user cannot leave.
	Chroot bool
	// ReadOnly takes the right to write to the folder from the user.
	ReadOnly bool
	// HomeKeys keeps the user's authorized_keys where the user can reach it over SFTP: in .ssh
	// of the folder, in which sessions start.
	HomeKeys bool
	// NoSFTP leaves the SFTP subsystem out.
	NoSFTP bool
}

// Server is a running sshd.
type Server struct {
	Host string
	Port int
	// User, Password, Key, ProtectedKey and Passphrase sign in; the keys are files' texts.
	User, Password                string
	Key, ProtectedKey, Passphrase string
	// HostKeys are the server's, by the type as in Options.
	HostKeys map[string]ssh.PublicKey
	// Folder is where the user may write, as SFTP names it; Dir is the same on this machine.
	Folder, Dir string
	// AuthorizedKeys is the file of the user's public keys, on this machine.
	AuthorizedKeys string

	command *exec.Cmd
	log     bytes.Buffer
	done    chan struct{}
	stop    sync.Once
}

// Start runs a server until the test ends.
func Start(t testing.TB, o Options) *Server {
	t.Helper()
	binary, err := exec.LookPath("/usr/sbin/sshd")
	if err != nil {
		t.Fatal("sshtest: sshd is missing; run scripts/setup, or apt-get install openssh-server")
	}
	if len(o.HostKeys) == 0 {
		o.HostKeys = []string{"ed25519"}
	}
	base := folder(t)
	s := &Server{Host: "127.0.0.1", Passphrase: "sesame-" + random(), HostKeys: map[string]ssh.PublicKey{}}
	s.User, s.Password = makeUser(t, o)
	s.makeKeys(t, base, o)
	s.makeFolder(t, base, o)
	// The port is free when it is looked for, and may be taken before sshd binds it.
	for range 5 {
		s.Port = freePort(t)
		config := filepath.Join(base, "sshd_config")
		write(t, config, s.config(base, o), 0o600)
		if s.run(t, binary, config) {
			t.Cleanup(func() { s.Stop() })
			return s
		}
	}
	t.Fatalf("sshtest: sshd does not start:\n%s", s.log.String())
	return nil
}

// Address returns the host and the port.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// HostKeyLine returns a host key as a line of known_hosts has it after the name.
func (s *Server) HostKeyLine(kind string) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(s.HostKeys[kind])))
}

// Stop ends the server, waits for its last connection to end, and returns all that it
// logged. The clients have to be gone.
func (s *Server) Stop() string {
	s.stop.Do(func() {
		_ = s.command.Process.Signal(syscall.SIGTERM)
		<-s.done
		_ = s.command.Wait()
	})
	return s.log.String()
}

// run starts sshd and tells whether it listens.
func (s *Server) run(t testing.TB, binary, config string) bool {
	t.Helper()
	s.log.Reset()
	s.done = make(chan struct{})
	s.command = exec.Command(binary, "-D", "-e", "-f", config)
	stderr, err := s.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.command.Start(); err != nil {
		t.Fatal("sshtest: ", err)
	}
	listening := make(chan struct{})
	go func() {
		defer close(s.done)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			s.log.WriteString(lines.Text() + "\n")
			if strings.HasPrefix(lines.Text(), "Server listening on ") {
				close(listening)
			}
		}
	}()
	select {
	case <-listening:
		return true
	case <-s.done:
		_ = s.command.Wait()
		return false
	}
}

func (s *Server) config(base string, o Options) string {
	lines := []string{
		"ListenAddress " + s.Host,
		fmt.Sprint("Port ", s.Port),
		"PidFile none",
		"LogLevel VERBOSE",
		"UseDNS no",
		"StrictModes no",
		"PermitRootLogin prohibit-password",
		"MaxStartups 100",
		"AuthorizedKeysFile " + s.AuthorizedKeys,
		"PasswordAuthentication " + yesNo(o.Methods == "" || strings.Contains(o.Methods, "password")),
		"PubkeyAuthentication " + yesNo(o.Methods == "" || strings.Contains(o.Methods, "publickey")),
		// Prompts are PAM's to make.
		"KbdInteractiveAuthentication " + yesNo(strings.Contains(o.Methods, "keyboard")),
		"UsePAM " + yesNo(strings.Contains(o.Methods, "keyboard")),
	}
	if o.Methods != "" {
		lines = append(lines, "AuthenticationMethods "+o.Methods)
	}
	for _, kind := range o.HostKeys {
		lines = append(lines, "HostKey "+filepath.Join(base, "host_"+kind))
	}
	if !o.NoSFTP {
		sftp := "internal-sftp"
		if o.HomeKeys {
			sftp += " -d " + s.Folder
		}
		lines = append(lines, "Subsystem sftp "+sftp, "ForceCommand "+sftp)
	}
	if o.Chroot {
		lines = append(lines, "ChrootDirectory "+filepath.Join(base, "root"))
	}
	return strings.Join(lines, "\n") + "\n"
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}

func write(t testing.TB, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}
