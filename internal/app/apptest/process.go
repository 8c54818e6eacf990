package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"strongroom/internal/app"
	"strongroom/internal/telemetry"
)

// argumentsVariable tells a test binary that it is to serve, and with which flags.
const argumentsVariable = "STRONGROOM_APPTEST_ARGUMENTS"

// patience bounds each wait for another process, so that a hanging one fails its test.
const patience = time.Minute

// Main is what a TestMain does whose tests call StartProcess: it runs the tests or, in a
// process that was started by one, serves. serve is app.Run, or what stands for it.
func Main(m *testing.M, serve func(context.Context, app.Config, *slog.Logger) error) {
	encoded, ok := os.LookupEnv(argumentsVariable)
	if !ok {
		os.Exit(m.Run())
	}
	if err := serveUntilSignal(encoded, serve); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func serveUntilSignal(encoded string, serve func(context.Context, app.Config, *slog.Logger) error) error {
	var args []string
	if err := json.Unmarshal([]byte(encoded), &args); err != nil {
		return err
	}
	c, err := parse(args...)
	if err != nil {
		return err
	}
	// Nobody writes to standard input: it ends with the process that runs the tests.
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	lines := telemetry.NewLines(os.Stderr)
	return errors.Join(serve(ctx, c, c.Logger(lines)), lines.Close())
}

// Process is a service in a process of its own: the test binary, run once more.
type Process struct {
	Client
	// Output is everything that it has written to its standard output and error.
	Output *Buffer

	command *exec.Cmd
	// exited ends with the process.
	exited context.Context
}

// Spawn starts the test binary as a service over a prepared directory; arguments are
// flags of the configuration, environment is added to the test's own. The process is
// killed with the test at the latest.
func Spawn(t testing.TB, dir string, jwtSecret []byte, environment []string, arguments ...string) *Process {
	t.Helper()
	encoded, err := json.Marshal(append([]string{"--data", dir}, arguments...))
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	exited, ended := context.WithCancel(context.Background())
	p := &Process{Client: Client{T: t, JWTSecret: jwtSecret}, Output: &Buffer{}, command: exec.Command(self), exited: exited}
	p.command.Env = append(append(os.Environ(), environment...), argumentsVariable+"="+string(encoded))
	p.command.Stdout, p.command.Stderr = p.Output, p.Output
	stdin, err := p.command.StdinPipe()
	must(t, err)
	must(t, p.command.Start())
	go func() {
		_ = p.command.Wait()
		ended()
	}()
	t.Cleanup(func() {
		p.Kill()
		_ = stdin.Close()
	})
	return p
}

// StartProcess is Spawn and Listening.
func StartProcess(t testing.TB, dir string, jwtSecret []byte, environment []string, arguments ...string) *Process {
	t.Helper()
	p := Spawn(t, dir, jwtSecret, environment, arguments...)
	p.Listening()
	return p
}

// Listening waits until the process answers requests; the test fails where it ends
// before that.
func (p *Process) Listening() {
	p.T.Helper()
	var listening struct{ Address string }
	if err := json.Unmarshal([]byte(p.Wrote(`"msg":"listening"`)), &listening); err != nil {
		p.T.Fatal(err)
	}
	p.URL = "http://" + listening.Address
}

// Wrote waits until the process has written a line that contains the text, and returns
// it; the test fails where the process ends before that.
func (p *Process) Wrote(text string) string {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.exited, patience)
	defer cancel()
	line, ok := p.Output.Line(ctx, text)
	if !ok {
		p.T.Fatalf("the process never wrote %s, but:\n%s", text, p.Output)
	}
	return line
}

// Signal sends the process a signal.
func (p *Process) Signal(s os.Signal) {
	p.T.Helper()
	must(p.T, p.command.Process.Signal(s))
}

// Kill ends the process at once (SIGKILL) and waits until it has ended.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.exited.Done()
}

// Ended tells whether the process has ended.
func (p *Process) Ended() bool { return p.exited.Err() != nil }

// Wait waits until the process ends by itself and returns its exit code.
func (p *Process) Wait() int {
	p.T.Helper()
	ctx, cancel := context.WithTimeout(p.exited, patience)
	defer cancel()
	<-ctx.Done()
	if p.exited.Err() == nil {
		p.T.Fatalf("the process does not end; it wrote:\n%s", p.Output)
	}
	return p.command.ProcessState.ExitCode()
}
