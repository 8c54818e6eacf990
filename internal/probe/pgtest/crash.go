package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// PIDs returns the server's processes as the operating system knows them, the first one
// first; none where it does not run. The server has to have been started here.
func (s *Server) PIDs(tb testing.TB) []int {
	tb.Helper()
	file, err := os.ReadFile(s.pidFile())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
	line, _, _ := strings.Cut(string(file), "\n")
	first, err := strconv.Atoi(line)
	if err != nil {
		tb.Fatalf("PostgreSQL: postmaster.pid does not begin with a number: %q", line)
	}
	pids := []int{first}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		tb.Fatal(err)
	}
	for _, path := range stats {
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil && state(pid).parent == first {
			pids = append(pids, pid)
		}
	}
	return pids
}

// Kill ends processes of the server with SIGKILL, and waits until they are gone.
func (s *Server) Kill(tb testing.TB, pids ...int) {
	tb.Helper()
	for _, pid := range pids {
		// One that is gone already is what was wanted.
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	awaitEnd(tb, pids)
}

// Crash kills the server's first process, and with it every other, or leaves those to find
// out by themselves. It returns when all are gone, and the server can be started again.
func (s *Server) Crash(tb testing.TB, every bool) {
	tb.Helper()
	pids := s.PIDs(tb)
	if every {
		s.Kill(tb, pids...)
	} else {
		s.Kill(tb, pids[0])
		awaitEnd(tb, pids)
	}
	// While nobody has asked for the exit code of the first one, it passes for alive.
	if err := os.Remove(s.pidFile()); err != nil {
		tb.Fatalf("PostgreSQL: %v", err)
	}
}

func (s *Server) pidFile() string { return filepath.Join(s.dir, "data", "postmaster.pid") }

// Await waits until the server takes connections: after a crash it recovers first.
func (s *Server) Await(tb testing.TB) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for pause := time.NewTicker(10 * time.Millisecond); ; {
		conn, err := pgconn.ConnectConfig(ctx, s.admin)
		if err == nil {
			_ = conn.Close(ctx)
			return
		}
		select {
		case <-pause.C:
		case <-ctx.Done():
			tb.Fatalf("PostgreSQL does not come back: %v", err)
		}
	}
}

// standing is what the operating system says of a process; the zero standing: there is none.
type standing struct {
	parent int
	dead   bool
}

// state reads /proc/PID/stat: the state and the parent stand behind the name, which is in
// parentheses and may hold anything.
func state(pid int) standing {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return standing{dead: true}
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 2 {
		return standing{dead: true}
	}
	parent, err := strconv.Atoi(fields[1])
	// Nobody may ever ask for the exit code of one that has lost its parent.
	return standing{parent: parent, dead: err != nil || fields[0] == "Z" || fields[0] == "X"}
}

// awaitEnd waits until none of the processes is left.
func awaitEnd(tb testing.TB, pids []int) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pause := time.NewTicker(2 * time.Millisecond)
	defer pause.Stop()
	for _, pid := range pids {
		for !state(pid).dead {
			select {
			case <-pause.C:
			case <-ctx.Done():
				tb.Fatalf("process %d of PostgreSQL does not end", pid)
			}
		}
	}
}

// Alive tells whether the server was not crashed.
func (s *Server) Alive(tb testing.TB) bool {
	tb.Helper()
	return len(s.PIDs(tb)) > 0
}
