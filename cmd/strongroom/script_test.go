package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"strongroom": main,
		"curl":       func() { os.Exit(curl(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		Setup: func(e *testscript.Env) error {
			// The test's own environment configures nothing.
			for _, v := range os.Environ() {
				if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "STRONGROOM_") || strings.HasPrefix(name, "OTEL_") {
					return fmt.Errorf("%s is set: the scripts need it unset", name)
				}
			}
			e.Values[serversKey{}] = servers{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "end": end, "refuses": refuses, "fields": fields, "same": same, "mode": mode, "damage": damage,
		},
	})
}

// servers are the processes that a script has started, by the name it gave them.
type (
	servers    map[string]*server
	serversKey struct{}
)

type server struct {
	command        *exec.Cmd
	ended          chan error
	stdout, stderr *watched
}

// watched keeps what a process writes and tells of the first line that fits.
type watched struct {
	ready *regexp.Regexp
	// found gets the line's first group, or all of what fits; it holds one.
	found chan string

	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (w *watched) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text.Write(b)
	if m := w.ready.FindSubmatch(w.text.Bytes()); m != nil {
		select {
		case w.found <- string(m[len(m)-1]):
		default:
		}
	}
	return len(b), nil
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// start NAME REGEXP PROGRAM ARGS… starts a server and waits until it writes what fits
// the expression. What its last group holds becomes the variable NAME, what has been
// written so far the file NAME.out.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME REGEXP PROGRAM ARGS…")
	}
	name, ready := args[0], regexp.MustCompile("(?m)"+args[1])
	found := make(chan string, 1)
	s := &server{stdout: &watched{ready: ready, found: found}, stderr: &watched{ready: ready, found: found}}
	s.command = exec.Command(lookPath(ts, args[2]), args[3:]...)
	s.command.Dir = ts.MkAbs(".")
	for _, v := range []string{"PATH", "HOME", "TMPDIR", "WORK", "STRONGROOM_CONFIG", "STRONGROOM_ADDR"} {
		if value := ts.Getenv(v); value != "" {
			s.command.Env = append(s.command.Env, v+"="+value)
		}
	}
	s.command.Stdout, s.command.Stderr = s.stdout, s.stderr
	ts.Check(s.command.Start())
	s.ended = make(chan error, 1)
	go func() { s.ended <- s.command.Wait() }()
	ts.Defer(func() { _ = s.command.Process.Kill() })
	select {
	case value := <-found:
		ts.Setenv(name, value)
	case err := <-s.ended:
		ts.Fatalf("%s ended (%v) before it was ready\n%s%s", name, err, s.stdout, s.stderr)
	}
	ts.Check(os.WriteFile(ts.MkAbs(name+".out"), []byte(s.stdout.String()), 0o600))
	ts.Value(serversKey{}).(servers)[name] = s
}

// lookPath finds a program on the script's path, where testscript puts those of Main.
func lookPath(ts *testscript.TestScript, program string) string {
	for dir := range strings.SplitSeq(ts.Getenv("PATH"), string(os.PathListSeparator)) {
		path := filepath.Join(dir, program)
		if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
			return path
		}
	}
	ts.Fatalf("there is no program %s", program)
	return ""
}

// end NAME SIGNAL ends a server and waits for it. It must end with status 0, or with !
// must not. What it wrote becomes NAME.out and NAME.err.
func end(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}
	if len(args) != 2 || signals[args[1]] == nil {
		ts.Fatalf("usage: [!] end NAME INT|TERM|KILL")
	}
	s := ts.Value(serversKey{}).(servers)[args[0]]
	if s == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	ts.Check(s.command.Process.Signal(signals[args[1]]))
	err := <-s.ended
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(s.stdout.String()), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(s.stderr.String()), 0o600))
	if (err != nil) != neg {
		ts.Fatalf("%s ended with %v\n%s%s", args[0], err, s.stdout, s.stderr)
	}
}

// refuses STATUS REGEXP PROGRAM ARGS… runs a program that must end with the status and
// say why in one sentence that fits, and nothing else; status 2 adds where to find help.
func refuses(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: refuses STATUS REGEXP PROGRAM ARGS…")
	}
	err := ts.Exec(args[2], args[3:]...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || fmt.Sprint(exit.ExitCode()) != args[0] {
		ts.Fatalf("ended with %v, not with %s\n%s%s", err, args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
	}
	if out := ts.ReadFile("stdout"); out != "" {
		ts.Fatalf("something was written to stdout:\n%s", out)
	}
	text := ts.ReadFile("stderr")
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if args[0] == "2" && len(lines) == 2 && strings.Contains(lines[1], "--help") {
		lines = lines[:1]
	}
	if len(lines) != 1 || !strings.HasPrefix(lines[0], "strongroom: ") {
		ts.Fatalf("this is not one sentence:\n%s", text)
	}
	if !regexp.MustCompile(args[1]).MatchString(lines[0]) {
		ts.Fatalf("this does not fit %s:\n%s", args[1], text)
	}
}

// fields FILE sets a variable for every text in a JSON object.
func fields(ts *testscript.TestScript, neg bool, args []string) {
	var object map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &object))
	for name, value := range object {
		if text, ok := value.(string); ok {
			ts.Setenv(name, text)
		}
	}
}

// same FILE FILE FIELD… checks that fields of two JSON objects are equal, or with ! that
// every one differs.
func same(ts *testscript.TestScript, neg bool, args []string) {
	var first, second map[string]any
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &first))
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[1])), &second))
	for _, name := range args[2:] {
		if first[name] == nil || second[name] == nil || (first[name] == second[name]) == neg {
			ts.Fatalf("%s: %v and %v", name, first[name], second[name])
		}
	}
}

// mode PERM FILE… checks who may do what with files.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	for _, name := range args[1:] {
		info, err := os.Stat(ts.MkAbs(name))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[0] {
			ts.Fatalf("%s has mode %s, not %s", name, got, args[0])
		}
	}
}

// damage FILE OLD NEW replaces every occurrence of a text in a file by one as long.
func damage(ts *testscript.TestScript, neg bool, args []string) {
	path := ts.MkAbs(args[0])
	content, err := os.ReadFile(path)
	ts.Check(err)
	if len(args[1]) != len(args[2]) || !bytes.Contains(content, []byte(args[1])) {
		ts.Fatalf("%s does not hold %q, or %q is not as long", args[0], args[1], args[2])
	}
	ts.Check(os.WriteFile(path, bytes.ReplaceAll(slices.Clone(content), []byte(args[1]), []byte(args[2])), 0o600))
}
