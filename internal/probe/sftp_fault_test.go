package probe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"strongroom/internal/probe"
)

func TestAServerThatStallsEndsTheTestInTime(t *testing.T) {
	t.Parallel()
	// Each stalls after it said so, until the client is gone.
	for name, c := range map[string]struct {
		listen func(t *testing.T, stalled func()) probe.SFTP
		phases []string
		says   string
	}{
		"before its version": {func(t *testing.T, stalled func()) probe.SFTP {
			return listen(t, func(c net.Conn) {
				_, _ = io.CopyN(io.Discard, c, 1)
				stalled()
				_, _ = io.Copy(io.Discard, c)
			})
		}, []string{"connect", "key_exchange"}, "while keys were exchanged"},
		"after its version": {func(t *testing.T, stalled func()) probe.SFTP {
			return listen(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "SSH-2.0-"+bannerCanary+"\r\n")
				_, _ = io.CopyN(io.Discard, c, 1)
				stalled()
				_, _ = io.Copy(io.Discard, c)
			})
		}, []string{"connect", "key_exchange"}, "while keys were exchanged"},
		"at the login": {func(t *testing.T, stalled func()) probe.SFTP {
			return script{login: func() error { stalled(); <-t.Context().Done(); return nil }}.listen(t)
		}, []string{"connect", "key_exchange", "login"}, "while signing in"},
		"at the channel": {func(t *testing.T, stalled func()) probe.SFTP {
			return script{channel: func(ssh.NewChannel) { stalled() }}.listen(t)
		}, []string{"connect", "key_exchange", "login", "operation"}, "while the test file"},
		"before SFTP's version": {func(t *testing.T, stalled func()) probe.SFTP {
			return script{sftp: func(c ssh.Channel) { stalled(); _, _ = io.Copy(io.Discard, c) }}.listen(t)
		}, []string{"connect", "key_exchange", "login", "operation"}, "while the test file"},
		"at the file": {func(t *testing.T, stalled func()) probe.SFTP {
			return answering(func(uint32) []byte { stalled(); return nil }).listen(t)
		}, []string{"connect", "key_exchange", "login", "operation"}, "while the test file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := newExpiring(t)
			r := test(t, ctx, c.listen(t, ctx.cancel))
			want(t, r, probe.CodeTimeout, "did not answer in time "+c.says)
			wantPhases(t, r, c.phases...)
		})
	}
}

func TestATestThatIsGivenUpWhileTheServerStallsEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := script{login: func() error { cancel(); <-t.Context().Done(); return nil }}.listen(t)
	want(t, test(t, ctx, s), probe.CodeTimeout, "given up")
}

func TestWhatIsNoSSHServerIsSaid(t *testing.T) {
	t.Parallel()
	t.Run("a web server", func(t *testing.T) {
		t.Parallel()
		s := listen(t, func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 "+bannerCanary+"\r\n\r\n") })
		want(t, test(t, t.Context(), s), probe.CodeProtocol, "check that an SSH server listens on that port")
	})
	t.Run("a stream without end", func(t *testing.T) {
		t.Parallel()
		s := listen(t, func(c net.Conn) {
			for {
				if _, err := io.WriteString(c, bannerCanary+"\r\n"); err != nil {
					return
				}
			}
		})
		want(t, test(t, t.Context(), s), probe.CodeProtocol)
	})
}

func TestAnSFTPServerThatAnswersOddly(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answer func(id uint32) []byte
		code   probe.Code
		says   string
	}{
		"with a message that breaks off":         {func(id uint32) []byte { return message(messageStatus, status(id, 4)[5:9]...) }, probe.CodeProtocol, "cannot be read"},
		"to another request":                     {func(id uint32) []byte { return status(id+1, 0) }, probe.CodeProtocol, "cannot be read"},
		"that nothing is kept for lack of space": {func(id uint32) []byte { return status(id, 14) }, probe.CodePermission, "no space left"},
		"that the quota is used up":              {func(id uint32) []byte { return status(id, 15) }, probe.CodePermission, "no space left"},
		"that it is the end":                     {func(id uint32) []byte { return status(id, 1) }, probe.CodeProtocol, "cannot be read"},
		"that there is no such path":             {func(id uint32) []byte { return status(id, 10) }, probe.CodePermission, "no folder on the server"},
		"that all is read-only":                  {func(id uint32) []byte { return status(id, 12) }, probe.CodePermission, "read-only"},
		"with a handle that breaks off":          {func(id uint32) []byte { return message(messageHandle, status(id, 4)[5:9]...) }, probe.CodeProtocol, "cannot be read"},
		"that something failed":                  {func(id uint32) []byte { return status(id, 4) }, probe.CodePermission, "does not let the user write"},
		"with nothing but zeros":                 {func(uint32) []byte { return make([]byte, 64<<10) }, probe.CodeProtocol, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := test(t, t.Context(), answering(c.answer).listen(t))
			want(t, r, c.code, c.says)
		})
	}
}

func TestAFileThatIsReadWithoutEndIsGivenUp(t *testing.T) {
	t.Parallel()
	requests := 0
	s := answering(func(id uint32) []byte {
		requests++
		switch requests {
		case 1, 4: // open
			return message(messageHandle, append(status(id, 0)[5:9], 0, 0, 0, 1, 'h')...)
		case 2, 3: // write, close
			return status(id, 0)
		}
		return message(messageData, append(status(id, 0)[5:9], 0, 0, 0, 0)...)
	})
	want(t, test(t, t.Context(), s.listen(t)), probe.CodeProtocol, "sent more than is read of it")
}

func TestAServerThatHangsUp(t *testing.T) {
	t.Parallel()
	t.Run("at the login", func(t *testing.T) {
		t.Parallel()
		s := script{hangUp: true}.listen(t)
		want(t, test(t, t.Context(), s), probe.CodeAuth, "ended the connection while signing in")
	})
	t.Run("after the login", func(t *testing.T) {
		t.Parallel()
		s := script{channel: func(c ssh.NewChannel) { _ = c.Reject(ssh.Prohibited, bannerCanary) }}.listen(t)
		want(t, test(t, t.Context(), s), probe.CodeProtocol, "SFTP cannot be started")
	})
}

// disk is an SFTP server's memory, with one thing that goes wrong.
type disk struct {
	sftp.Handlers
	put func(io.WriterAt) (io.WriterAt, error)
	get func(*sftp.Request) (io.ReaderAt, error)
	cmd func(*sftp.Request) error
}

func (d disk) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	w, err := d.FilePut.Filewrite(r)
	if err != nil || d.put == nil {
		return w, err
	}
	return d.put(w)
}

func (d disk) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	if d.get != nil {
		return d.get(r)
	}
	return d.FileGet.Fileread(r)
}

func (d disk) Filecmd(r *sftp.Request) error {
	if d.cmd != nil && r.Method == "Remove" {
		return d.cmd(r)
	}
	return d.FileCmd.Filecmd(r)
}

// files lists what is on the disk.
func (d disk) files(t *testing.T) []string {
	t.Helper()
	l, err := d.FileList.Filelist(sftp.NewRequest("List", "/"))
	if err != nil {
		t.Fatal(err)
	}
	entries := make([]os.FileInfo, 10)
	n, err := l.ListAt(entries, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries[:n] {
		names = append(names, e.Name())
	}
	return names
}

type fullDisk struct{}

func (fullDisk) WriteAt([]byte, int64) (int, error) { return 0, errors.New(bannerCanary) }

func TestATestFileIsRemovedWhateverFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*disk)
		code   probe.Code
		says   string
	}{
		"nothing": {func(*disk) {}, "", "wrote, read and removed"},
		"the write": {func(d *disk) {
			d.put = func(io.WriterAt) (io.WriterAt, error) { return fullDisk{}, nil }
		}, probe.CodePermission, "does not let the user write"},
		"the open after it made the file": {func(d *disk) {
			d.put = func(io.WriterAt) (io.WriterAt, error) { return nil, os.ErrPermission }
		}, probe.CodePermission, "does not let the user write"},
		"the read": {func(d *disk) {
			d.get = func(*sftp.Request) (io.ReaderAt, error) { return nil, os.ErrPermission }
		}, probe.CodePermission, "does not let the user read it"},
		"the comparison": {func(d *disk) {
			d.get = func(*sftp.Request) (io.ReaderAt, error) { return strings.NewReader(bannerCanary), nil }
		}, probe.CodeProtocol, "another text"},
		"the comparison with a text without end": {func(d *disk) {
			d.get = func(*sftp.Request) (io.ReaderAt, error) { return endless{}, nil }
		}, probe.CodeProtocol, "another text"},
		"the removal, as the file is gone": {func(d *disk) {
			d.cmd = func(r *sftp.Request) error { _ = d.FileCmd.Filecmd(r); return os.ErrNotExist }
		}, "", "wrote, read and removed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &disk{Handlers: sftp.InMemHandler()}
			c.change(d)
			want(t, test(t, t.Context(), d.script().listen(t)), c.code, c.says)
			if left := d.files(t); len(left) > 0 {
				t.Errorf("left behind: %q", left)
			}
		})
	}
}

func TestATestFileThatCannotBeRemovedIsNamed(t *testing.T) {
	t.Parallel()
	d := &disk{Handlers: sftp.InMemHandler(), cmd: func(*sftp.Request) error { return os.ErrPermission }}
	r := test(t, t.Context(), d.script().listen(t))
	left := d.files(t)
	if len(left) != 1 {
		t.Fatalf("files %q", left)
	}
	want(t, r, probe.CodePermission, "does not let the user remove it; remove "+left[0])
}

func TestATestFileIsRemovedWhenTheTestIsGivenUp(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	d := &disk{Handlers: sftp.InMemHandler()}
	d.put = func(w io.WriterAt) (io.WriterAt, error) { cancel(); return w, nil }
	want(t, test(t, ctx, d.script().listen(t)), probe.CodeTimeout, "given up")
	if left := d.files(t); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}

func (d *disk) script() script {
	return script{sftp: func(c ssh.Channel) {
		_ = sftp.NewRequestServer(c, sftp.Handlers{FileGet: d, FilePut: d, FileCmd: d, FileList: d.FileList}).Serve()
	}}
}

// endless is a file of zeros.
type endless struct{}

func (endless) ReadAt(b []byte, _ int64) (int, error) { clear(b); return len(b), nil }
