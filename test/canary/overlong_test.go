package canary_test

import (
	"net/http"
	"syscall"
	"testing"
	"time"

	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// TestWhatFollowsAnAnswerIsNotWritten guards against net/http, which writes what it finds
// on an idle connection to the standard log.
func TestWhatFollowsAnAnswerIsNotWritten(t *testing.T) {
	dir := t.TempDir()
	m := newMaterial(t, dir)
	line := startTap(t, oauthtest.Start(t), &m.scanner)
	environment, arguments := m.operate(t, line)
	p := apptest.StartProcess(t, dir, m.jwtSecret, environment, arguments...)
	c := &client{newSpy(p.Client, m), line}
	c.newKey(t)
	g := c.grant()
	s := c.tap.spoil(g.RefreshToken, overlong)
	c.ask(t, c.read(c.imports(t, plain, g, -time.Minute)), http.StatusServiceUnavailable)
	s.want(t)
	// By the time that the next connection has been used, what followed has been read.
	c.open(t, c.imports(t, plain, c.grant(), -time.Minute))
	p.Signal(syscall.SIGTERM)
	if code := p.Wait(); code != 0 {
		t.Errorf("the process ended with code %d", code)
	}
	c.wantWritten(t, "the output of the process", []byte(p.Output.String()), "a token was not renewed")
}
