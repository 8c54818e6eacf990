package seal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"strongroom/secret"
)

// What seal answers, wrapped with what led to it.
var (
	// ErrTampered: the bytes are not what was sealed or wrapped under this key for
	// this purpose. They were changed, cut, or copied from elsewhere.
	ErrTampered = errors.New("sealed data does not open: it was changed, or belongs elsewhere")
	// ErrUnknownKey: the record names an organization key that the store has not got.
	ErrUnknownKey = errors.New("sealed under an organization key that does not exist")
	// ErrKeeper: the keeper of the root key is closed, out of reach or refuses to work.
	ErrKeeper = errors.New("keeper of the root key cannot be used")
	// ErrRefused comes with ErrKeeper where a key service answers and says no: the key is
	// disabled or gone, or may not be used by this process. To ask again changes nothing.
	ErrRefused = errors.New("refused")
	// ErrWrongRoot: the organization key was wrapped by another root key than the
	// keeper's. The text has both fingerprints.
	ErrWrongRoot = errors.New("wrong root key")
)

// Bounds on what a Keeper takes, low enough for every key service.
const (
	// MaxKey is the longest key in bytes that Wrap takes; the shortest is 1.
	MaxKey = 1024
	// MaxAssociated is the longest associated data in bytes; it may be empty.
	MaxAssociated = 1024
)

// Away tells whether an error says that the keeper could not be asked, so that asking
// again later may help.
func Away(err error) bool {
	return errors.Is(err, ErrKeeper) && !errors.Is(err, ErrRefused) && !errors.Is(err, ErrTampered)
}

// Keeper wraps small key material with a root key that it never shows. It is safe
// for concurrent use; package sealtest has the suite that every keeper passes.
type Keeper interface {
	// Wrap encrypts a key of 1 to MaxKey bytes and binds it to the associated data.
	// Errors: ErrKeeper, or the context's.
	Wrap(ctx context.Context, key, associated []byte) ([]byte, error)
	// Unwrap returns the key. Errors: ErrTampered where the bytes are not what Wrap
	// returned under this root key for this associated data; ErrKeeper; the context's.
	Unwrap(ctx context.Context, wrapped, associated []byte) ([]byte, error)
	// Fingerprint identifies the root key and tells nothing about it.
	Fingerprint() string
	// Close forgets the root key; later calls are ErrKeeper. Closing again does nothing.
	Close() error
}

var errClosed = fmt.Errorf("%w: it is closed", ErrKeeper)

// checkWrap holds what every keeper is given to wrap to its bounds.
func checkWrap(key, associated []byte) error {
	if len(key) == 0 || len(key) > MaxKey {
		return fmt.Errorf("%w: a key to wrap has 1 to %d bytes, this one %d", ErrKeeper, MaxKey, len(key))
	}
	if len(associated) > MaxAssociated {
		return fmt.Errorf("%w: associated data has at most %d bytes, this has %d", ErrKeeper, MaxAssociated, len(associated))
	}
	return nil
}

// OpenKeeper opens the keeper that the location names, of those that ask nobody else:
//
//	file:PATH   a file with a root key in text form, readable by its owner alone; a
//	            bare PATH is one too
//	env:NAME    an environment variable with the same text
//
// Errors say what to do and never repeat what may be a key.
func OpenKeeper(_ context.Context, url string) (Keeper, error) {
	scheme, rest, found := strings.Cut(url, ":")
	switch {
	case strings.Contains(url, rootPrefix):
		return nil, errors.New(`the root key itself was given where its location belongs; put it into a file and name that as "file:PATH"`)
	case url == "":
		return nil, errors.New(`no root key is configured; name one as "file:PATH" or "env:NAME", after making it with "strongroom keys generate"`)
	case !found || strings.ContainsAny(scheme, "/."):
		return openLocal(readFile(url))
	case scheme == "file":
		return openLocal(readFile(rest))
	case scheme == "env":
		return openLocal(readEnvironment(rest))
	}
	return nil, errors.New(`unknown kind of root key; the known ones are "file:PATH", "env:NAME", "awskms://…", "gcpkms://…", "azurekeyvault://…" and "hashivault://…"`)
}

func openLocal(text secret.Value, err error) (Keeper, error) {
	if err != nil {
		return nil, err
	}
	defer text.Destroy()
	root, err := ParseRootKey(text.Reveal())
	if err != nil {
		return nil, err
	}
	defer root.Destroy()
	return NewLocal(root)
}
