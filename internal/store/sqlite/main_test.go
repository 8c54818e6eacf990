package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

// processPath makes this binary, where it is set, a process that opens the database
// there, makes a system account, tells its id and waits for its input to end.
const processPath = "SQLITE_TEST_PROCESS_PATH"

func TestMain(m *testing.M) {
	if path := os.Getenv(processPath); path != "" {
		if err := process(context.Background(), path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func process(ctx context.Context, path string) error {
	db, err := sqlite.Open(ctx, sqlite.Options{Path: path})
	if err != nil {
		return err
	}
	a := systemAccount()
	if err := db.Write(ctx, func(tx store.Tx) error { return tx.CreateAccount(a) }); err != nil {
		return err
	}
	fmt.Println(a.ID)
	_, _ = io.Copy(io.Discard, os.Stdin)
	return db.Close()
}

func systemAccount() strongroom.ServiceAccount {
	id := uuid.New()
	return strongroom.ServiceAccount{ID: id, Name: id.String(), Status: strongroom.ServiceAccountActive, Grants: nil}
}

// started is another process at work on a database.
type started struct {
	cmd   *exec.Cmd
	input io.Closer
	lines *bufio.Scanner
}

func start(t *testing.T, path string) started {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), processPath+"="+path)
	input, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return started{cmd: cmd, input: input, lines: bufio.NewScanner(output)}
}

// wrote waits until the process has written and returns the account's id.
func (s started) wrote(t *testing.T) uuid.UUID {
	t.Helper()
	s.lines.Scan()
	id, err := uuid.Parse(s.lines.Text())
	if err != nil {
		t.Fatalf("the process said %q", s.lines.Text())
	}
	return id
}

// end lets the process close the database.
func (s started) end(t *testing.T) {
	t.Helper()
	_ = s.input.Close()
	if err := s.cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// kill ends the process as a crash would.
func (s started) kill(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait() // says that it was killed
}
