package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
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

	"strongroom/internal/store/postgres/postgrestest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"strongroom": main,
		"curl":       func() { os.Exit(curl(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

func TestScripts(t *testing.T) { runScripts(t, "script", func() []string { return nil }) }

// TestPostgresScripts run over empty databases of a real PostgreSQL, two for each.
func TestPostgresScripts(t *testing.T) {
	cluster := postgrestest.New(t)
	runScripts(t, "postgres", func() []string {
		first, second := cluster.Empty(t), cluster.Empty(t)
		return []string{
			"OWNER_URL=" + first.OwnerURL, "SERVER_URL=" + first.URL, "SERVER_ROLE=" + cluster.Role.Name, "SERVER_PASSWORD=" + cluster.Role.Password,
			"SECOND_OWNER_URL=" + second.OwnerURL, "SECOND_SERVER_URL=" + second.URL,
		}
	})
}

// runScripts runs the scripts of a folder of testdata, each with variables of its own.
func runScripts(t *testing.T, folder string, variables func() []string) {
	t.Helper()
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", folder),
		Setup: func(e *testscript.Env) error {
			// The test's own environment configures nothing.
			for _, v := range os.Environ() {
				if name, _, _ := strings.Cut(v, "="); strings.HasPrefix(name, "STRONGROOM_") || strings.HasPrefix(name, "OTEL_") {
					return fmt.Errorf("%s is set: the scripts need it unset", name)
				}
			}
			e.Vars = append(e.Vars, variables()...)
			e.Values[serversKey{}] = servers{}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"start": start, "end": end, "hold": hold, "refuses": refuses, "fields": fields, "same": same, "mode": mode, "damage": damage,
		},
	})
}

// servers are the processes that a script has started, by the name it gave them.
type (
	servers    map[string]*server
	serversKey struct{}
)

// server is a process with what it has written so far.
type server struct {
	command *exec.Cmd

	mu   sync.Mutex
	news *sync.Cond
	// stdout and stderr are what was written, err how the process ended.
	stdout, stderr bytes.Buffer
	ended          bool
	err            error
}

// stream is one of a server's outputs.
type stream struct {
	of *server
	to *bytes.Buffer
}

// Write implements io.Writer.
func (w stream) Write(b []byte) (int, error) {
	w.of.mu.Lock()
	defer w.of.mu.Unlock()
	w.of.news.Broadcast()
	return w.to.Write(b)
}

// await waits until the server has written what fits, and returns the last group.
func (s *server) await(ready *regexp.Regexp) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		for _, text := range [][]byte{s.stdout.Bytes(), s.stderr.Bytes()} {
			if m := ready.FindSubmatch(text); m != nil {
				return string(m[len(m)-1]), nil
			}
		}
		if s.ended {
			return "", fmt.Errorf("it ended (%v) before it wrote %s\n%s%s", s.err, ready, &s.stdout, &s.stderr)
		}
		s.news.Wait()
	}
}

// wait returns how the server ended and all it wrote.
func (s *server) wait() (stdout, stderr string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended {
		s.news.Wait()
	}
	return s.stdout.String(), s.stderr.String(), s.err
}

// start NAME REGEXP PROGRAM ARGS… starts a server and waits until it writes what fits
// the expression. What its last group holds becomes the variable NAME, what has been
// written so far the file NAME.out.
func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: start NAME REGEXP PROGRAM ARGS…")
	}
	s := &server{command: exec.Command(lookPath(ts, args[2]), args[3:]...)}
	s.news = sync.NewCond(&s.mu)
	s.command.Dir = ts.MkAbs(".")
	for _, v := range []string{"PATH", "HOME", "TMPDIR", "WORK", "STRONGROOM_CONFIG", "STRONGROOM_ADDR"} {
		if value := ts.Getenv(v); value != "" {
			s.command.Env = append(s.command.Env, v+"="+value)
		}
	}
	s.command.Stdout, s.command.Stderr = stream{s, &s.stdout}, stream{s, &s.stderr}
	ts.Check(s.command.Start())
	ts.Defer(func() { _ = s.command.Process.Kill() })
	go func() {
		err := s.command.Wait()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended, s.err = true, err
		s.news.Broadcast()
	}()
	found, err := s.await(regexp.MustCompile("(?m)" + args[1]))
	ts.Check(err)
	ts.Setenv(args[0], found)
	s.mu.Lock()
	defer s.mu.Unlock()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), s.stdout.Bytes(), 0o600))
	ts.Value(serversKey{}).(servers)[args[0]] = s
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

// end NAME SIGNAL… ends a server and waits for it. It must end with status 0, or with !
// must not. A second signal is sent once the first was taken notice of. What the server
// wrote becomes NAME.out and NAME.err.
func end(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: [!] end NAME INT|TERM|KILL…")
	}
	s := ts.Value(serversKey{}).(servers)[args[0]]
	if s == nil {
		ts.Fatalf("%s was not started", args[0])
	}
	signals := map[string]os.Signal{"INT": os.Interrupt, "TERM": syscall.SIGTERM, "KILL": os.Kill}
	for i, name := range args[1:] {
		if i > 0 {
			_, err := s.await(regexp.MustCompile(`"msg":"stopping`))
			ts.Check(err)
		}
		ts.Check(s.command.Process.Signal(signals[name]))
	}
	stdout, stderr, err := s.wait()
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".out"), []byte(stdout), 0o600))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]+".err"), []byte(stderr), 0o600))
	if (err != nil) != neg {
		ts.Fatalf("%s ended with %v\n%s%s", args[0], err, stdout, stderr)
	}
}

// hold ADDRESS begins a request that never ends, and returns when the server reads it.
func hold(ts *testscript.TestScript, neg bool, args []string) {
	c, err := net.Dial("tcp", args[0])
	ts.Check(err)
	ts.Defer(func() { _ = c.Close() })
	// The server asks for the body of such a request once its handler reads it.
	_, err = io.WriteString(c, "POST /api/integrations/credentials HTTP/1.1\r\nHost: strongroom\r\nExpect: 100-continue\r\n"+
		"Authorization: Bearer "+ts.Getenv("user_token")+"\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n")
	ts.Check(err)
	line, err := bufio.NewReader(c).ReadString('\n')
	ts.Check(err)
	if !strings.HasPrefix(line, "HTTP/1.1 100 ") {
		ts.Fatalf("the server answered %s", line)
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
