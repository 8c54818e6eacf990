package pgtest

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bouncerConfig is for transaction mode with fewer connections than clients have, so that
// they have to share.
const bouncerConfig = `[databases]
* = host=%s port=%s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %s
unix_socket_dir =
auth_type = scram-sha-256
auth_file = %s/users
pool_mode = transaction
default_pool_size = 4
max_client_conn = 400
server_reset_query = DISCARD ALL
server_reset_query_always = 1
logfile = %s/log
`

// bouncerScript runs the program $1 with its file $2 until standard input ends.
const bouncerScript = `"$1" -q "$2" & read -r _; kill $!; wait $!`

// Bouncer starts a PgBouncer in transaction mode before the server, for roles with their
// passwords, and stops it with the test. It returns where it listens. Whatever a session
// keeps is thrown away after each transaction. The test fails where there is no PgBouncer.
func (s *Server) Bouncer(tb testing.TB, passwords map[string]string) (hostPort string) {
	tb.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer"
		if _, err := os.Stat(program); err != nil {
			tb.Fatal("PgBouncer was not found; run scripts/setup, or install Debian's pgbouncer")
		}
	}
	owner, err := account()
	if err != nil {
		tb.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		tb.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "strongroom-pgbouncer-")
	if err != nil {
		tb.Fatal(err)
	}
	var users strings.Builder
	for _, role := range slices.Sorted(maps.Keys(passwords)) {
		fmt.Fprintf(&users, "%q %q\n", role, passwords[role])
	}
	config := fmt.Sprintf(bouncerConfig, s.Host, s.Port, port, dir, dir)
	if err := furnish(dir, owner, map[string][]byte{"pgbouncer.ini": []byte(config), "users": []byte(users.String())}); err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command("/bin/sh", "-c", bouncerScript, "sh", program, filepath.Join(dir, "pgbouncer.ini"))
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = pipe.Close()
		_ = cmd.Wait()
		_ = os.RemoveAll(dir)
	})
	hostPort = net.JoinHostPort("127.0.0.1", port)
	if err := awaitListener(hostPort); err != nil {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		tb.Fatalf("PgBouncer does not listen: %v; its log: %s", err, bytes.TrimSpace(log))
	}
	return hostPort
}

// awaitListener connects until it can.
func awaitListener(hostPort string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for pause := time.NewTicker(10 * time.Millisecond); ; {
		var c net.Conn
		if c, err = (&net.Dialer{}).DialContext(ctx, "tcp", hostPort); err == nil {
			return c.Close()
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			return err
		}
	}
}
