package probe

import (
	"errors"
	"os"

	"github.com/pkg/sftp"
)

// The answers of an SFTP server that have a meaning of their own here. Version 3 knows those
// up to 8 alone; servers send the later ones all the same.
const (
	statusNoSuchPath   = 10
	statusWriteProtect = 12
	statusNoSpace      = 14
	statusQuota        = 15
	statusNotAFolder   = 19
)

// SFTPRefused tells whether an error of the SFTP client is the server's answer, and not of
// the connection or the protocol.
func SFTPRefused(err error) bool {
	return statusOf(err) != 0 || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission)
}

// SFTPMissing tells whether the server's answer is that there is no such path.
func SFTPMissing(err error) bool {
	code := statusOf(err)
	return errors.Is(err, os.ErrNotExist) || code == statusNoSuchPath || code == statusNotAFolder
}

// SFTPFull tells whether the server's answer is that there is no space left.
func SFTPFull(err error) bool {
	code := statusOf(err)
	return code == statusNoSpace || code == statusQuota
}

// statusOf returns what the server answered; 0 where the driver has an error of its own for
// it, and where it did not answer.
func statusOf(err error) uint32 {
	if status, ok := errors.AsType[*sftp.StatusError](err); ok {
		return status.Code
	}
	return 0
}
