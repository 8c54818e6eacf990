package oauthtest

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"time"
)

// patience bounds each wait for the server, so that a hanging one fails its test.
const patience = time.Minute

// Server is a running OAuth server, in a process of its own.
type Server struct {
	// URL is the issuer, without a slash at the end; the public endpoints stand under it.
	URL string

	tb      testing.TB
	control string
	// client keeps its own connections, which end with the test.
	client *http.Client
}

// Paths of the public endpoints under [Server.URL].
const (
	DiscoveryPath = "/.well-known/openid-configuration"
	MetadataPath  = "/.well-known/oauth-authorization-server"
	AuthorizePath = "/authorize"
	TokenPath     = "/token"
	RevokePath    = "/revoke"
	UserInfoPath  = "/userinfo"
	KeySetPath    = "/jwks"
)

// Start starts a server with no grants, which stops with the test. Clients may be
// redirected to the redirect URIs, and to those that AllowRedirects adds.
func Start(tb testing.TB, redirectURIs ...string) *Server {
	tb.Helper()
	p, err := program()
	if err != nil {
		tb.Fatal(err)
	}
	var arguments []string
	for _, uri := range redirectURIs {
		arguments = append(arguments, "-redirect-uri", uri)
	}
	url, control := listening(tb, exec.Command(p.path, arguments...))
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	tb.Cleanup(transport.CloseIdleConnections)
	return &Server{URL: url, tb: tb, control: control, client: &http.Client{
		Transport: transport,
		// The answer to a decision at the consent page is the redirect itself.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// listening starts the server's process and returns where it listens.
func listening(tb testing.TB, command *exec.Cmd) (url, control string) {
	tb.Helper()
	stdin, stdout := start(tb, command)
	var where struct{ URL, Control string }
	said := make(chan error, 1)
	go func() {
		said <- json.NewDecoder(bufio.NewReader(stdout)).Decode(&where)
	}()
	select {
	case err := <-said:
		if err != nil {
			tb.Fatalf("the OAuth server did not say where it listens: %v", err)
		}
	case <-time.After(patience):
		// Its output ends with it, and so does the goroutine that reads it.
		_ = stdin.Close()
		tb.Fatalf("the OAuth server did not say within %s where it listens", patience)
	}
	return where.URL, where.Control
}

// start starts the process, which ends with the test or, if that is killed, with its
// standard input.
func start(tb testing.TB, command *exec.Cmd) (io.WriteCloser, io.Reader) {
	tb.Helper()
	stdin, err := command.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = stdin.Close()
		late := time.AfterFunc(patience, func() {
			tb.Errorf("the OAuth server did not end with its input")
			_ = command.Process.Kill()
		})
		defer late.Stop()
		if err := command.Wait(); err != nil {
			tb.Errorf("the OAuth server ended with %v", err)
		}
	})
	return stdin, stdout
}
