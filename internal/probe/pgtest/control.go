package pgtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// Control runs pg_ctl on a server that was started here: "stop", "-m", "immediate" crashes
// it, "start" starts it again, as it was started first.
func (s *Server) Control(tb testing.TB, action string, options ...string) {
	tb.Helper()
	owner, err := account()
	if err != nil {
		tb.Fatal(err)
	}
	args := append([]string{action, "-D", filepath.Join(s.dir, "data"), "-l", s.log, "-w", "-t", "60"}, options...)
	if action == "start" {
		args = append(args, "-o", s.options)
	}
	cmd := exec.Command(filepath.Join(s.programs, "pg_ctl"), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: owner}
	// Without a pipe, which the server would inherit and hold open.
	if err := cmd.Run(); err != nil {
		said, _ := os.ReadFile(s.log)
		said = said[max(0, len(said)-2000):]
		tb.Fatalf("pg_ctl %s: %v; the log ends with: %s", action, err, said)
	}
}
