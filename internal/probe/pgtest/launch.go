package pgtest

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

const superuser = "postgres"

// script makes the cluster, starts it, says so, and waits for its standard input to end.
// $1 is PostgreSQL's folder of programs, $2 the directory, $3 the server's options.
const script = `
cd "$2"
if "$1/initdb" -D data -U ` + superuser + ` --pwfile=password --auth=scram-sha-256 -E UTF8 --locale=C -N >log 2>&1 &&
  cp pg_hba.conf data/pg_hba.conf &&
  "$1/pg_ctl" -D data -l log -w -t 60 -o "$3" start >>log 2>&1
then echo ready; read -r _
else cat log
fi
"$1/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
`

// options are the server's, for a port and a directory.
const options = "-p %[1]s -c unix_socket_directories= -c listen_addresses=127.0.0.1 -c fsync=off" +
	" -c ssl=on -c ssl_cert_file=%[2]s/server.crt -c ssl_key_file=%[2]s/server.key"

// rules let everybody in over TCP by password: SCRAM where the role's is kept so, and MD5
// where a test has made one that way.
// A standby copies as the superuser.
const rules = "host all all all md5\nhost replication " + superuser + " all md5\n"

// launch makes a cluster and runs it.
func launch(settings ...string) (*Server, error) {
	programs, err := find()
	if err != nil {
		return nil, err
	}
	owner, err := account()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "strongroom-postgres-")
	if err != nil {
		return nil, err
	}
	ca, certificate, key, err := issue()
	if err != nil {
		return nil, err
	}
	password := rand.Text()
	if err := furnish(dir, owner, map[string][]byte{
		"password": []byte(password), "pg_hba.conf": []byte(rules), "server.crt": certificate, "server.key": key, "ca.crt": ca,
	}); err != nil {
		return nil, err
	}
	started := fmt.Sprintf(options, port, dir)
	for _, setting := range settings {
		started += " -c " + setting // of two, the later one counts
	}
	pipe, err := run(script, programs, dir, started, owner)
	if err != nil {
		return nil, err
	}
	admin, err := pgconn.ParseConfig(fmt.Sprintf("host=localhost port=%s user=%s password=%s dbname=postgres sslmode=verify-full sslrootcert=%s/ca.crt",
		port, superuser, password, dir))
	if err != nil {
		return nil, err
	}
	return &Server{Host: "localhost", Port: port, CA: string(ca), admin: admin, log: filepath.Join(dir, "log"), programs: programs, dir: dir, options: started, pipe: pipe}, nil
}

// find returns the folder of PostgreSQL's programs: the newest of Debian's, or that of an
// initdb on the path.
func find() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil {
		return "", err
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return n
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", errors.New("initdb was not found; install Debian's postgresql, or name a server with " + DSN)
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return "", err
	}
	return filepath.Dir(path), nil
}

// account returns whom the server runs as where the tests run as root, which PostgreSQL
// refuses to; nil: who runs the tests.
func account() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("the tests run as root and there is neither a user postgres nor nobody; install Debian's postgresql, or run them as another user")
}

// freePort returns a port that nobody listens on.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = l.Close() }()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// furnish writes the files and gives all to the owner.
func furnish(dir string, owner *syscall.Credential, files map[string][]byte) error {
	paths := []string{dir}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			return err
		}
		paths = append(paths, path)
	}
	if owner == nil {
		return nil
	}
	for _, path := range paths {
		if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			return err
		}
	}
	return nil
}

// run starts the script and waits until the server takes connections. The server runs
// until the pipe is closed.
func run(script, programs, dir, options string, owner *syscall.Credential, further ...string) (pipe io.Closer, err error) {
	sh := exec.Command("/bin/sh", append([]string{"-c", script, "sh", programs, dir, options}, further...)...)
	sh.Dir = "/"
	sh.Env = []string{"PATH=/usr/bin:/bin", "LC_ALL=C"}
	// A group of its own: an interrupt at the terminal must not end the shell before its work.
	sh.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	input, err := sh.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := sh.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := sh.Start(); err != nil {
		return nil, err
	}
	said := bufio.NewReader(output)
	first, err := said.ReadString('\n')
	if err == nil && first == "ready\n" {
		return input, nil
	}
	log, _ := io.ReadAll(said)
	return nil, fmt.Errorf("the server did not start; its log: %s%s", first, log)
}
