package outbound

import (
	"errors"
	"io"
)

// ErrTooLarge: a body is longer than the caller takes.
var ErrTooLarge = errors.New("the answer is larger than is accepted")

// ReadLimited returns the whole of a body of at most limit bytes, and ErrTooLarge with
// nothing of it for a longer one. It does not close the body.
func ReadLimited(body io.Reader, limit int64) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(body, limit))
	if err != nil {
		return nil, err
	}
	var more [1]byte
	switch _, err := io.ReadFull(body, more[:]); {
	case err == nil:
		return nil, ErrTooLarge
	case errors.Is(err, io.EOF):
		return content, nil
	default:
		return nil, err
	}
}
