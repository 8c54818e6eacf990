package far

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"path"

	"github.com/pkg/sftp"

	"strongroom"
	"strongroom/internal/probe"
)

const (
	// maxKeyFile bounds a file of authorized keys, in bytes.
	maxKeyFile = 1 << 20
	// newFile and newFolder are the rights of what is made; sshd wants no others to write.
	newFile   os.FileMode = 0o600
	newFolder os.FileMode = 0o700

	extensionRename = "posix-rename@openssh.com"
	extensionSync   = "fsync@openssh.com"
)

var (
	errLink    = refused("The file of authorized keys is a symbolic link, and what it leads to may be shared; set authorized_keys_path to the file itself")
	errNoFile  = refused("The path of the file of authorized keys leads to something else than a file; correct authorized_keys_path")
	errHuge    = refused("The file of authorized keys is larger than 1 MiB; clear it up first")
	errChanged = &probe.Failure{Code: strongroom.CheckProtocol, Message: "The file of authorized keys was changed by somebody else at the same moment; nothing was written, so try again"}
	errFull    = refused("The server has no space left for the user's files; nothing was changed")
)

func refused(message string) *probe.Failure {
	return &probe.Failure{Code: strongroom.CheckPermission, Message: message}
}

// keyFile is a file of authorized keys as it was read.
type keyFile struct {
	client *sftp.Client
	path   string
	text   []byte
	// was is nil where there is no file.
	was os.FileInfo
}

// open reads the file.
func open(client *sftp.Client, path string) (*keyFile, error) {
	k := &keyFile{client: client, path: path}
	was, err := client.Lstat(path)
	switch {
	case probe.SFTPMissing(err):
		return k, nil
	case err != nil:
		return nil, explain(err, "look at the file of authorized keys; correct authorized_keys_path, or have the keys changed by an administrator")
	case was.Mode()&os.ModeSymlink != 0:
		return nil, errLink
	case !was.Mode().IsRegular():
		return nil, errNoFile
	case was.Size() > maxKeyFile:
		return nil, errHuge
	}
	k.was = was
	f, err := client.Open(path)
	if err == nil {
		k.text, err = io.ReadAll(io.LimitReader(f, maxKeyFile+1))
		err = errors.Join(err, f.Close())
	}
	switch {
	case err != nil:
		return nil, explain(err, "read the file of authorized keys; check the rights to it")
	case len(k.text) > maxKeyFile:
		return nil, errHuge
	}
	return k, nil
}

// patch is one change of the file in place: bytes written at an offset.
type patch struct {
	at   int64
	text []byte
}

// write gives the file its new text: at once, by renaming a temporary file over it, or,
// where the server has no such renaming or refuses a part of it, by the patches. Wherever
// those are cut off, every other line is whole.
func (k *keyFile) write(ctx context.Context, text []byte, inPlace ...patch) error {
	const doing = "write the file of authorized keys; check the rights to it and to its folder"
	if len(text) > maxKeyFile {
		return errHuge
	}
	if k.was == nil {
		if err := k.makeFolder(); err != nil {
			return explain(err, doing)
		}
		return explain(k.replace(ctx, text, k.client.Rename), doing)
	}
	if _, can := k.client.HasExtension(extensionRename); can {
		if err := k.replace(ctx, text, k.client.PosixRename); !probe.SFTPRefused(err) {
			return err
		}
	}
	return explain(k.patch(ctx, inPlace), doing)
}

// makeFolder makes the file's folder where there is none.
func (k *keyFile) makeFolder() error {
	folder := path.Dir(k.path)
	if _, err := k.client.Stat(folder); !probe.SFTPMissing(err) {
		return err
	}
	if err := k.client.Mkdir(folder); err != nil {
		return err
	}
	return k.client.Chmod(folder, newFolder)
}

// replace writes a temporary file beside the file and renames it. What goes wrong leaves
// the file as it was.
func (k *keyFile) replace(ctx context.Context, text []byte, rename func(from, to string) error) error {
	temporary := k.path + ".strongroom-" + rand.Text()
	err := k.fill(temporary, text)
	if err == nil {
		err = k.unchanged(ctx)
	}
	if err == nil {
		err = rename(temporary, k.path)
	}
	if err != nil {
		// It may not be there; and where it cannot be removed, it does no harm.
		_ = k.client.Remove(temporary)
	}
	return err
}

// fill makes a file with the rights and the owner of the present one; os.ErrPermission
// where the server does not let it have them.
func (k *keyFile) fill(name string, text []byte) error {
	f, err := k.client.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	mode := newFile
	if k.was != nil {
		mode = k.was.Mode().Perm()
	}
	// The protocol's client cannot name rights at the making. Whether they were taken is
	// seen below.
	_ = f.Chmod(newFile)
	_, err = f.Write(text)
	_ = f.Chmod(mode)
	made, statErr := f.Stat()
	if err = errors.Join(err, statErr, k.sync(f), f.Close()); err != nil {
		return err
	}
	if made.Size() != int64(len(text)) || made.Mode().Perm() != mode || k.was != nil && owner(made) != owner(k.was) {
		return os.ErrPermission
	}
	return nil
}

// owner returns a file's user and group; zeros where the server does not tell.
func owner(f os.FileInfo) [2]uint32 {
	if s, ok := f.Sys().(*sftp.FileStat); ok {
		return [2]uint32{s.UID, s.GID}
	}
	return [2]uint32{}
}

// sync has the server write a file to its disk, if it can.
func (k *keyFile) sync(f *sftp.File) error {
	if _, can := k.client.HasExtension(extensionSync); !can {
		return nil
	}
	return f.Sync()
}

// unchanged returns an error where the file is not as it was read, or the time is over.
func (k *keyFile) unchanged(ctx context.Context) error {
	now, err := k.client.Lstat(k.path)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case k.was == nil && probe.SFTPMissing(err):
		return nil
	case err != nil && !probe.SFTPRefused(err):
		return err
	case err != nil, k.was == nil, now.Size() != k.was.Size(), !now.ModTime().Equal(k.was.ModTime()), now.Mode() != k.was.Mode():
		return errChanged
	}
	return nil
}

// patch changes the file in place.
func (k *keyFile) patch(ctx context.Context, inPlace []patch) error {
	f, err := k.client.OpenFile(k.path, os.O_WRONLY)
	if err != nil {
		return err
	}
	err = k.unchanged(ctx)
	for _, p := range inPlace {
		if err == nil {
			_, err = f.WriteAt(p.text, p.at)
		}
	}
	return errors.Join(err, k.sync(f), f.Close())
}

// explain puts a server's refusal into words; doing is the rest of a sentence about what
// the server does not let the user do. Other errors are left to the connection's.
func explain(err error, doing string) error {
	failure, explained := errors.AsType[*probe.Failure](err)
	switch {
	case explained:
		return failure
	case probe.SFTPFull(err):
		return errFull
	case probe.SFTPRefused(err):
		return refused("The server does not let the user " + doing)
	}
	return err
}
