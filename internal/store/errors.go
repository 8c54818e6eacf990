package store

import (
	"errors"
	"fmt"
)

// What a backend answers, wrapped with the driver's own error for the log. A backend
// interprets its driver's errors in one function.
var (
	// ErrNotFound: no such row in this organization, or it is deleted.
	ErrNotFound = errors.New("not found")
	// ErrDuplicate: a unique name or id is taken.
	ErrDuplicate = errors.New("duplicate")
	// ErrStale: the row is no longer at the version that was to be replaced.
	ErrStale = errors.New("changed meanwhile")
	// ErrProviderLimit and ErrUserLimit: the organization has as many credentials of
	// the provider, or the user as many in all, as it may.
	ErrProviderLimit = errors.New("provider's limit reached")
	ErrUserLimit     = errors.New("user's limit reached")
	// ErrErased: the organization has been erased, for good.
	ErrErased = errors.New("organization erased")
	// ErrOtherRoot: the key was wrapped by another root key than the database's.
	ErrOtherRoot = errors.New("wrapped by another root key than the database's")
	// ErrUnavailable: the database cannot be used now (a full or failing disk, a
	// moved file, a lost connection, too long a wait for a lock); it may be later.
	// Nothing was written, unless the failure came with the commit itself: then
	// nobody knows, and what was asked for must be read again.
	ErrUnavailable = errors.New("database unavailable")
	// ErrMoved is an ErrUnavailable: the database is not any more where it was opened.
	ErrMoved = fmt.Errorf("%w", ErrUnavailable)
)
