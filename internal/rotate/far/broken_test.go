package far_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// The requests of SFTP that the tests tell apart, and the answer to one that is refused.
const (
	requestRename   = 18
	requestExtended = 200
	answerVersion   = 2
	answerStatus    = 101
	notPermitted    = 3
)

// server is an SFTP server over a folder of this machine that does what a test wants
// before it is given a request.
type server struct {
	dir string
	// plain leaves the extensions out.
	plain bool
	// before is called with the number, from 1, and the kind of each request: the connection
	// is broken where it returns cut, and the request refused where it returns refuse.
	before func(n int, kind byte) verdict
}

type verdict int

const (
	pass verdict = iota
	cut
	refuse
)

// listen starts the server and returns data that signs in to it.
func (s *server) listen(t *testing.T) secret.Value {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	signer, err := ssh.NewSignerFromKey(key)
	must(t, err)
	config := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) { return nil, nil }}
	config.AddHostKey(signer)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn, config) })
		}
	})
	t.Cleanup(func() { _ = l.Close(); serving.Wait() })
	return document(t, map[string]any{"host": "127.0.0.1", "port": l.Addr().(*net.TCPAddr).Port, "username": "u", "password": "p",
		"authorized_keys_path": filepath.Join(s.dir, "authorized_keys")})
}

func (s *server) serve(conn net.Conn, config *ssh.ServerConfig) {
	defer func() { _ = conn.Close() }()
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	for c := range channels {
		channel, requests, err := c.Accept()
		if err != nil {
			return
		}
		for r := range requests {
			_ = r.Reply(true, nil)
			go s.filter(conn, channel)
		}
	}
}

// filter stands between the client's channel and a server of pkg/sftp.
func (s *server) filter(conn net.Conn, channel ssh.Channel) {
	defer func() { _ = conn.Close() }()
	theirs, ours := net.Pipe()
	files, err := sftp.NewServer(theirs)
	if err != nil {
		return
	}
	go func() { _ = files.Serve() }()
	defer func() { _ = ours.Close() }()
	var writing sync.Mutex
	send := func(kind byte, body []byte) {
		writing.Lock()
		defer writing.Unlock()
		_, _ = channel.Write(packet(kind, body))
	}
	go func() {
		for {
			kind, body, err := readPacket(ours)
			if err != nil {
				return
			}
			if kind == answerVersion && s.plain {
				body = body[:4]
			}
			send(kind, body)
		}
	}()
	for n := 0; ; n++ {
		kind, body, err := readPacket(channel)
		if err != nil {
			return
		}
		does := pass
		if n > 0 && s.before != nil {
			does = s.before(n, kind)
		}
		switch does {
		case cut:
			return
		case refuse:
			send(answerStatus, append(bytes.Clone(body[:4]), 0, 0, 0, notPermitted, 0, 0, 0, 0, 0, 0, 0, 0))
		default:
			if _, err := ours.Write(packet(kind, body)); err != nil {
				return
			}
		}
	}
}

func packet(kind byte, body []byte) []byte {
	p := binary.BigEndian.AppendUint32(nil, uint32(len(body))+1)
	return append(append(p, kind), body...)
}

func readPacket(r io.Reader) (kind byte, body []byte, err error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(head[:])-1)
	_, err = io.ReadFull(r, body)
	return head[4], body, err
}

// rotation is a server with a file of keys, one of which is to be replaced.
type rotation struct {
	*server
	file               string
	old, public, other string
	// both and after are the file with both keys, and with the new one.
	before, both, after string
}

func newRotation(t *testing.T) rotation {
	t.Helper()
	r := rotation{server: &server{dir: t.TempDir()}}
	r.file = filepath.Join(r.dir, "authorized_keys")
	for _, key := range []*string{&r.old, &r.public, &r.other} {
		_, public, err := far.NewKey()
		must(t, err)
		*key = public
	}
	r.before = "# mine\n" + r.old + " me\nrestrict " + r.other + "\n"
	r.both = r.before + r.public + " c\n"
	r.after = strings.Replace(r.both, r.old+" me\n", "", 1)
	return r
}

func (r rotation) add(t *testing.T, data secret.Value) strongroom.CheckResult {
	return local().AddKey(t.Context(), data, "", r.public, "c")
}

func (r rotation) remove(t *testing.T, data secret.Value) strongroom.CheckResult {
	return local().RemoveKey(t.Context(), data, "", r.old, r.public)
}

// TestAConnectionThatBreaksLeavesTheFileWhole breaks it before the first request, the
// second, and so on, until the step is done.
func TestAConnectionThatBreaksLeavesTheFileWhole(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		step func(rotation, *testing.T, secret.Value) strongroom.CheckResult
		// from and to are what the file holds, before and after.
		from, to func(rotation) string
		plain    bool
		least    int
	}{
		"as a key is added":                    {rotation.add, func(r rotation) string { return r.before }, func(r rotation) string { return r.both }, false, 12},
		"as a key is taken out":                {rotation.remove, func(r rotation) string { return r.both }, func(r rotation) string { return r.after }, false, 12},
		"as a key is added in place":           {rotation.add, func(r rotation) string { return r.before }, func(r rotation) string { return r.both }, true, 7},
		"as a key is taken out in place":       {rotation.remove, func(r rotation) string { return r.both }, func(r rotation) string { return r.blanked() }, true, 7},
		"as a file is made":                    {rotation.add, func(r rotation) string { return "" }, func(r rotation) string { return r.public + " c\n" }, false, 9},
		"as a file is made without extensions": {rotation.add, func(r rotation) string { return "" }, func(r rotation) string { return r.public + " c\n" }, true, 9},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotation(t)
			r.plain = c.plain
			var breaks atomic.Int64
			r.server.before = func(n int, _ byte) verdict {
				if n == int(breaks.Load()) {
					return cut
				}
				return pass
			}
			data := r.listen(t)
			at := 1
			for ; ; at++ {
				breaks.Store(int64(at))
				if c.from(r) == "" {
					_ = os.Remove(r.file)
				} else {
					write(t, r.file, c.from(r))
				}
				result := c.step(r, t, data)
				got := ""
				if b, err := os.ReadFile(r.file); err == nil {
					got = string(b)
				}
				if got != c.from(r) && got != c.to(r) {
					t.Fatalf("cut off before request %d, the file is %q", at, got)
				}
				if result.Success {
					if got != c.to(r) {
						t.Errorf("the step is done and the file is %q", got)
					}
					break
				}
				want(t, result, strongroom.CheckProtocol, "ended the connection")
				// The next try does what is left.
				breaks.Store(0)
				want(t, c.step(r, t, data), "")
				if read(t, r.file) != c.to(r) {
					t.Fatalf("cut off before request %d and taken again, the file is %q", at, read(t, r.file))
				}
			}
			if at < c.least {
				t.Errorf("the step took %d requests; the test has cut off too few", at-1)
			}
		})
	}
}

func (r rotation) blanked() string {
	return strings.Replace(r.both, r.old+" me", strings.Repeat("#", len(r.old)+3), 1)
}

func TestAServerThatRefusesToRenameHasItsFileChangedInPlace(t *testing.T) {
	t.Parallel()
	r := newRotation(t)
	write(t, r.file, r.before)
	var renames atomic.Int64
	r.server.before = func(_ int, kind byte) verdict {
		if kind == requestRename || kind == requestExtended {
			renames.Add(1)
			return refuse
		}
		return pass
	}
	data := r.listen(t)
	want(t, r.add(t, data), "")
	if got := read(t, r.file); got != r.both {
		t.Errorf("with both keys: %q", got)
	}
	want(t, r.remove(t, data), "")
	if got := read(t, r.file); got != r.blanked() {
		t.Errorf("with the new key: %q", got)
	}
	wantAlone(t, r.file)
	if n := renames.Load(); n != 2 {
		t.Errorf("%d renames were asked for", n)
	}
}

// TestAFileThatSomebodyElseChangesIsLeft: what was read is not what would be replaced.
func TestAFileThatSomebodyElseChangesIsLeft(t *testing.T) {
	t.Parallel()
	for name, plain := range map[string]bool{"before it would be renamed over": false, "before it would be changed in place": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRotation(t)
			r.plain = plain
			write(t, r.file, r.before)
			const theirs = "# somebody else's\n"
			r.server.before = func(n int, _ byte) verdict {
				// The first requests read the file; the last look at it again.
				if n == 6 {
					write(t, r.file, theirs)
				}
				return pass
			}
			want(t, r.add(t, r.listen(t)), strongroom.CheckProtocol, "changed by somebody else")
			if got := read(t, r.file); got != theirs {
				t.Errorf("the file is %q", got)
			}
			wantAlone(t, r.file)
		})
	}
}
