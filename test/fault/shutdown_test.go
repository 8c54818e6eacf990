package fault_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"strongroom"
	"strongroom/internal/app/apptest"
)

// terminate is what asks a process to stop.
const terminate = syscall.SIGTERM

// halfSent is a request to create a credential whose second half is still to be sent.
type halfSent struct {
	conn net.Conn
	rest string
}

func sendHalf(t *testing.T, n tenant, name string) halfSent {
	t.Helper()
	body, err := json.Marshal(createBody(name, secretData(name)))
	if err != nil {
		t.Fatal(err)
	}
	address := strings.TrimPrefix(n.client.URL, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	half := len(body) / 2
	_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		credentials, address, n.user, len(body), body[:half])
	if err != nil {
		t.Fatal(err)
	}
	return halfSent{conn, string(body[half:])}
}

// finish sends the rest and returns the answer.
func (h halfSent) finish(t *testing.T) apptest.Answer {
	t.Helper()
	if _, err := io.WriteString(h.conn, h.rest); err != nil {
		t.Fatal(err)
	}
	res, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return apptest.Answer{Status: res.StatusCode, Header: res.Header, Body: body}
}

func TestGracefulShutdown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	jwtSecret, checkpoints := apptest.Prepare(t, dir), filepath.Join(dir, "checkpoints.jsonl")
	p := start(t, dir, jwtSecret, "--checkpoint-file", checkpoints)
	n := newTenant(&p.Client)
	id := n.mustCreate(t, "first", secretData("first"))

	// Requests are in the middle of their bodies, and reads wait to be recorded.
	const each = 4
	var halves []halfSent
	for i := range each {
		halves = append(halves, sendHalf(t, n, fmt.Sprint("half-", i)))
	}
	release := lockDatabase(t, dir)
	reads := make(chan apptest.Answer, each)
	for range each {
		go func() {
			a, err := n.read(id)
			if err != nil {
				t.Errorf("a read in flight got no answer: %v", err)
			}
			reads <- a
		}()
	}
	inFlight(t, &p.Client, 2*each)
	p.Signal(terminate)
	p.Wrote("stopping")
	eventually(t, "nobody is let in any more", func() bool {
		conn, err := net.Dial("tcp", strings.TrimPrefix(p.URL, "http://"))
		if err == nil {
			_ = conn.Close()
		}
		return err != nil
	})
	release()

	var answered []apptest.Answer
	for range each {
		a := <-reads
		if a.Want(t, http.StatusOK); string(a.Body) != secretData("first") {
			t.Error("a read in flight got something else than was stored")
		}
		answered = append(answered, a)
	}
	kept := shelf{}
	for i, h := range halves {
		kept.put(createdID(t, h.finish(t)), secretData(fmt.Sprint("half-", i)))
	}
	wantExit(t, p, 0)
	wantOnRecord(t, dir, answered)
	wantClosed(t, dir, checkpoints)

	again := start(t, dir, jwtSecret)
	n.client = &again.Client
	kept.wantAll(t, n)
}

// wantClosed fails the test unless the one chain ends with its closing, and the final
// checkpoint names that, in the database and off the host.
func wantClosed(t *testing.T, dir, checkpointFile string) {
	t.Helper()
	all := events(t, apptest.Config(t, dir))
	if last := all[len(all)-1]; last.Action != strongroom.ActionChainClose {
		t.Errorf("the log ends with %s", last.Action)
	}
	written, err := os.ReadFile(checkpointFile)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(written), []byte("\n"))
	final := lines[len(lines)-1]
	if report := wantVerified(t, dir, final...); len(report.Unclosed) != 0 {
		t.Error("a chain is not closed")
	}
	var line struct{ Body string }
	var says struct{ Heads []struct{ Sequence int } }
	if err := json.Unmarshal(final, &line); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(line.Body), &says); err != nil {
		t.Fatal(err)
	}
	if len(says.Heads) != 1 || says.Heads[0].Sequence != len(all) {
		t.Errorf("the final checkpoint names %+v; the chain has %d events", says.Heads, len(all))
	}
}
