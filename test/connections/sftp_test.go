package connections_test

import (
	"io"
	"maps"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"strongroom/internal/probe/sshtest"
)

// sshd starts a server whose user's secrets are looked for.
func (s *scene) sshd(o sshtest.Options) *sshtest.Server {
	s.t.Helper()
	server := sshtest.Start(s.t, o)
	if server.Password == "" {
		s.t.Fatal("run these tests as root: passwords need a system user")
	}
	s.secret(server.Password, server.Passphrase, server.Key, server.ProtectedKey)
	return server
}

// byPassword signs in to the server with its password.
func byPassword(server *sshtest.Server) object {
	return object{"host": server.Host, "port": server.Port, "username": server.User, "auth_type": "password", "password": server.Password, "test_path": server.Folder}
}

// byKey signs in to the server with its key.
func byKey(server *sshtest.Server) object {
	return object{"host": server.Host, "port": server.Port, "username": server.User, "auth_type": "private_key", "private_key_data": server.Key, "test_path": server.Folder}
}

// with returns the object with members changed; nil removes one.
func with(o object, members ...any) object {
	out := maps.Clone(o)
	for i := 0; i < len(members); i += 2 {
		if members[i+1] == nil {
			delete(out, members[i].(string))
			continue
		}
		out[members[i].(string)] = members[i+1]
	}
	return out
}

// relay is an address that leads to one server, and then to another.
type relay struct {
	listener net.Listener

	mu sync.Mutex
	to string
}

// startRelay starts one that ends with the test.
func startRelay(t *testing.T, to string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	r := &relay{listener: listener, to: to}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { r.pass(conn) })
		}
	})
	return r
}

func (r *relay) lead(to string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.to = to
}

func (r *relay) port() int { return r.listener.Addr().(*net.TCPAddr).Port }

func (r *relay) pass(client net.Conn) {
	defer client.Close()
	r.mu.Lock()
	to := r.to
	r.mu.Unlock()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	var both sync.WaitGroup
	copied := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		// Either end closes both.
		_ = to.Close()
		_ = from.Close()
	}
	both.Go(func() { copied(server, client) })
	both.Go(func() { copied(client, server) })
	both.Wait()
}

// wantNoLogin stops the server and fails the test where anything was sent to sign in.
func wantNoLogin(t *testing.T, server *sshtest.Server) {
	t.Helper()
	log := server.Stop()
	for _, sign := range []string{"Failed", "Accepted", "Postponed", "invalid user"} {
		if strings.Contains(log, sign) {
			t.Errorf("something was sent to sign in (%q):\n%s", sign, log)
		}
	}
	if !strings.Contains(log, "[preauth]") {
		t.Errorf("the server was not connected to:\n%s", log)
	}
}

func address(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
