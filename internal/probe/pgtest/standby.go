package pgtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// StandbyName is what a standby calls itself to its primary: synchronous_standby_names may
// name it.
const StandbyName = "standby"

// standbyScript is script for a copy of the server that listens on port $4.
const standbyScript = `
cd "$2"
if "$1/pg_basebackup" -d "host=127.0.0.1 port=$4 user=` + superuser + ` password=$(cat password) application_name=` + StandbyName + `" -D data -R -c fast --no-sync >log 2>&1 &&
  "$1/pg_ctl" -D data -l log -w -t 60 -o "$3" start >>log 2>&1
then echo ready; read -r _
else cat log
fi
"$1/pg_ctl" -D data -m immediate stop >/dev/null 2>&1
cd / && rm -rf "$2"
`

// Standby starts a server that follows this one, which was started here, until it is told
// to be one of its own (Control with "promote"). It stops with the test.
func (s *Server) Standby(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	standby, err := s.follow(settings)
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	tb.Cleanup(func() { _ = standby.pipe.Close() })
	return standby
}

func (s *Server) follow(settings []string) (*Server, error) {
	owner, err := account()
	if err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "strongroom-postgres-")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range []string{"password", "server.crt", "server.key"} {
		if files[name], err = os.ReadFile(filepath.Join(s.dir, name)); err != nil {
			return nil, err
		}
	}
	if err := furnish(dir, owner, files); err != nil {
		return nil, err
	}
	started := fmt.Sprintf(options, port, dir)
	for _, setting := range settings {
		started += " -c " + setting
	}
	pipe, err := run(standbyScript, s.programs, dir, started, owner, s.Port)
	if err != nil {
		return nil, err
	}
	admin := s.admin.Copy()
	admin.Port = uint16(number)
	return &Server{Host: s.Host, Port: port, CA: s.CA, admin: admin, log: filepath.Join(dir, "log"), programs: s.programs, dir: dir, options: started, pipe: pipe}, nil
}
