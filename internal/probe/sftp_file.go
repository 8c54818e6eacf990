package probe

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"

	"github.com/pkg/sftp"
)

// look finds out whether the folder is there, and writes nothing.
func (t *sshTest) look(ctx context.Context, client *sftp.Client, folder string) error {
	found, err := client.Stat(folder)
	if err == nil && !found.IsDir() {
		err = os.ErrNotExist
	}
	return t.explain(ctx, err, "does not let the user look at the test path; check the path, and the rights to the folder")
}

// exercise writes a file, reads it back and removes it.
func (t *sshTest) exercise(ctx context.Context, client *sftp.Client, folder string) error {
	random := rand.Text()
	file := testFile{
		client: client,
		path:   strings.TrimRight(folder, "/") + "/strongroom-test-" + random + ".tmp",
		text:   "A connection test wrote this file; it can be removed. " + random + "\n",
	}
	err := t.writeAndRead(ctx, file)
	// A server may have made the file whatever it answered.
	removed := file.remove()
	if err != nil || errors.Is(removed, os.ErrNotExist) {
		// Some servers take a file away once it was read.
		return err
	}
	return t.explain(ctx, removed, "took the test file but does not let the user remove it; remove strongroom-test-"+random+".tmp, and check the rights to the folder")
}

// writeAndRead does what may fail half-way.
func (t *sshTest) writeAndRead(ctx context.Context, file testFile) error {
	if err := file.write(); err != nil {
		return t.explain(ctx, err, "does not let the user write a file into the test path; check the path, and the rights to the folder")
	}
	if ctx.Err() != nil {
		return t.timeout(ctx)
	}
	text, err := file.read()
	if err != nil {
		return t.explain(ctx, err, "took the test file but does not let the user read it; check the rights to the folder")
	}
	if string(text) != file.text {
		return t.fail(CodeProtocol, t.server()+" gave back another text than was written to the test file; it may change or replace files as they arrive")
	}
	return nil
}

// explain says why a step failed: where the server's answer has no meaning of its own, with
// the given end of a sentence about the server. It returns nil for nil.
func (t *sshTest) explain(ctx context.Context, err error, otherwise string) error {
	if err == nil {
		return nil
	}
	switch {
	case ctx.Err() != nil:
		return t.timeout(ctx)
	case SFTPMissing(err):
		return t.fail(CodePermission, "The test path is no folder on the server, or not one that the user can see; it begins at the user's root")
	case SFTPFull(err):
		return t.fail(CodePermission, t.server()+" has no space left for the user's files")
	case statusOf(err) == statusWriteProtect:
		return t.fail(CodePermission, t.server()+" lets nobody write there: the file system is read-only")
	case !SFTPRefused(err):
		return cmp.Or(t.lost(ctx, err), t.fail(CodeProtocol, t.server()+" sent an SFTP message that cannot be read"))
	}
	return t.fail(CodePermission, t.server()+" "+otherwise)
}

// lost says why there is no connection any more that err can have come over; nil where there
// is.
func (t *sshTest) lost(ctx context.Context, err error) error {
	switch broken := t.conn.broken(); {
	case ctx.Err() != nil:
		return t.timeout(ctx)
	case errors.Is(broken, errTooMuch):
		return t.fail(CodeProtocol, t.server()+" sent more than is read of it")
	case broken != nil || t.hungUp(err):
		return t.fail(CodeProtocol, t.server()+" let the user in and then ended the connection; check that the account may use SFTP, and the rights to its home folder")
	}
	return nil
}

// hungUp tells whether err is of a session that the server has ended. That is known before
// the end of the connection is, which need not follow.
func (t *sshTest) hungUp(err error) bool {
	if t.client == nil || !errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		return false
	}
	// The driver has given up, so that this does not wait. It does so over a message that it
	// cannot read, too.
	why := t.client.Wait()
	return errors.Is(why, io.EOF) || errors.Is(why, io.ErrUnexpectedEOF)
}

// testFile is the file of one test.
type testFile struct {
	client     *sftp.Client
	path, text string
}

// write makes the file. Some servers refuse to open one for reading and writing at once, and
// some report only with the close that nothing was kept.
func (f testFile) write() error {
	w, err := f.client.OpenFile(f.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	_, err = w.Write([]byte(f.text))
	return errors.Join(err, w.Close())
}

// read returns the file's text and one byte of what may follow.
func (f testFile) read() ([]byte, error) {
	r, err := f.client.OpenFile(f.path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(r, int64(len(f.text))+1))
	return text, errors.Join(err, r.Close())
}

func (f testFile) remove() error { return f.client.Remove(f.path) }
