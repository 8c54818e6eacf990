package canary_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// The providers, which are all the same server. Of those that are lost the metadata cannot
// be had, and every other one panics over what it is named for.
const (
	acme  = "acme"  // its addresses are discovered; the client's secret is in the body
	plain = "plain" // its addresses are written down; the client's secret is in a header
	lost  = "lost"
)

var explosives = []string{explodeInRefresh, explodeInRevoke, explodeInExchange, explodeInVerify, explodeInEmail}

// TestNoTokenLeavesButThroughTheDoor connects accounts, has their tokens renewed, and ends
// them, at an OAuth server that goes wrong in every way and repeats secrets as it does;
// then it crashes the service and looks at all that was ever written.
func TestNoTokenLeavesButThroughTheDoor(t *testing.T) {
	dir, traces := t.TempDir(), startCollector(t)
	m := newMaterial(t, dir)
	line := startTap(t, oauthtest.Start(t), &m.scanner)
	environment, arguments := m.operate(t, line)
	arguments = append(arguments, "--log-level", "debug", "--otlp-endpoint", traces.url,
		"--checkpoint-file", filepath.Join(dir, "checkpoints.jsonl"), "--checkpoint-every", "50ms")
	environment = append(environment, "GOTRACEBACK=all", "OTEL_BSP_SCHEDULE_DELAY=20")
	p := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	c := &client{newSpy(p.Client, m), line}
	c.newKey(t)

	kept := c.connections(t)
	c.clients(t)
	c.misbegun(t)
	c.callbacks(t)
	c.statements(t)
	c.renewals(t)
	c.failures(t)
	c.ahead(t)
	c.revocations(t)
	c.undiscovered(t)
	c.explosions(t)
	c.look(t, kept, `strongroom_oauth_refreshes_total{`, `strongroom_acts_total{action="oauth.callback"`)
	c.wantAllSeen(t)

	c.crash(t, p)
	written := []string{"a request panicked", "a renewal panicked", "a token was not renewed", "a token was not revoked", "a connection failed", "panic: [redacted]", "[running]"}
	c.wantWritten(t, "the output of the process", []byte(p.Output.String()), written...)
	c.wantWritten(t, "the traces", []byte(traces.spans.String()), "/api/integrations/plugins/{plugin_name}/oauth/callback", "/api/integrations/credentials/{credential_id}/refresh")
	events := []string{"credential.refresh", "credential.refresh_request", "credential.revoke", "oauth.authorize", "oauth.callback", "oauth_client.set", kept}
	c.wantFilesClean(t, dir, "strongroom.db", "strongroom.db-wal", "strongroom.db-shm", "checkpoints.jsonl")
	c.wantExportClean(t, apptest.Config(t, dir), events...)

	again := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	c.URL = again.URL
	c.open(t, kept)
	c.ask(t, c.renew(kept), http.StatusOK)
	c.open(t, kept)
	again.Signal(syscall.SIGTERM)
	if code := again.Wait(); code != 0 {
		t.Errorf("the process ended with code %d", code)
	}
	c.wantWritten(t, "the output of the second process", []byte(again.Output.String()), "listening")
	c.wantFilesClean(t, dir, "strongroom.db", "checkpoints.jsonl")
	c.wantExportClean(t, apptest.Config(t, dir), events...)
}

// operate writes what an operator does: the definitions and the OAuth clients, each with a
// secret of its own; it returns the environment and the flags.
func (m *material) operate(t *testing.T, line *tap) (environment, arguments []string) {
	t.Helper()
	definitions := map[string][]byte{
		acme:  line.definition(acme, oauthtest.DefinitionOptions{}),
		plain: line.definition(plain, oauthtest.DefinitionOptions{WithoutDiscovery: true, Authentication: "basic"}),
	}
	for _, request := range explosives {
		definitions[request] = line.definition(request, oauthtest.DefinitionOptions{WithoutDiscovery: true, Lines: []string{"  token_parameters: {" + explodeParameter + ": " + request + "}"}})
	}
	for i := range broken {
		name := fmt.Sprint(lost, i)
		definition := string(line.definition(name, oauthtest.DefinitionOptions{}))
		definitions[name] = []byte(strings.ReplaceAll(definition, "discovery: "+line.url, "discovery: "+line.url+"/"+name))
	}
	catalog, secrets := t.TempDir(), t.TempDir()
	for name, definition := range definitions {
		write(t, filepath.Join(catalog, name+".yaml"), definition, 0o600)
		variable := "STRONGROOM_OAUTH_" + strings.ToUpper(name)
		environment = append(environment, variable+"_CLIENT_ID="+oauthtest.Confidential)
		if secret := m.secret(`+/% :="` + name); name == plain {
			file := filepath.Join(secrets, name)
			write(t, file, []byte(secret), 0o600)
			environment = append(environment, variable+"_CLIENT_SECRET_FILE="+file)
		} else {
			environment = append(environment, variable+"_CLIENT_SECRET="+secret)
		}
		line.server.AllowRedirects(publicURL + "/api/integrations/plugins/" + name + "/oauth/callback")
	}
	return environment, []string{"--catalog", catalog, "--public-url", publicURL, "--allow-redirect", apptest.AllowedRedirect, "--allow-addresses", "127.0.0.0/8",
		"--credentials-per-provider", "0", "--credentials-per-user", "0"}
}

// publicURL is where browsers would come back; the tests bring them to the service itself.
const publicURL = "http://127.0.0.1:9"

// wantAllSeen fails the test unless secrets of every kind have passed.
func (c *client) wantAllSeen(t *testing.T) {
	t.Helper()
	c.tap.mu.Lock()
	defer c.tap.mu.Unlock()
	for _, kind := range []string{"access token", "refresh token", "ID token", "code", "verifier", "state", "browser key", "client secret", "Authorization header"} {
		if c.tap.kinds[kind] < 2 {
			t.Errorf("%d secrets of the kind %s were seen, so nothing is tested", c.tap.kinds[kind], kind)
		}
	}
}

// crash ends the process while it waits for the answer to a code.
func (c *client) crash(t *testing.T, p *apptest.Process) {
	t.Helper()
	of := c.begin(t, acme, nil)
	to := c.allow(of)
	held := c.tap.spoil(to.Query().Get("code"), fault{answer: func(x *wire) { <-x.r.Context().Done() }})
	answered := make(chan error, 1)
	go func() {
		_, err := c.Try(callback(of, to))
		answered <- err
	}()
	select {
	case <-held.done:
	case err := <-answered:
		t.Fatalf("the callback did not wait for its provider: %v", err)
	}
	p.Signal(os.Signal(syscall.SIGUSR1))
	if code := p.Wait(); code != 2 {
		t.Fatalf("the process ended with code %d and not with a panic", code)
	}
	if err := <-answered; err == nil {
		t.Error("the callback was answered, so that nothing was under way")
	}
}
