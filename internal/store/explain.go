package store

import (
	"context"
	"errors"
	"time"

	"strongroom"
)

// retryAfter is what a client waits before it asks a database again that was away.
const retryAfter = 2 * time.Second

// Explain turns a store's error into the one that a service returns to its caller:
// ErrNotFound names what was not found; a *strongroom.Error is returned as it is. What
// the driver said stays the cause, for the log. nil stays nil.
func Explain(err error, what string) error {
	var known *strongroom.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrNotFound):
		return strongroom.NotFound(what)
	case errors.Is(err, ErrDuplicate):
		return strongroom.Errorf(strongroom.CodeConflict, "%s with this name exists already", what)
	case errors.Is(err, ErrStale):
		return strongroom.Errorf(strongroom.CodeConflict, "%s was changed by somebody else meanwhile; read it again", what)
	case errors.Is(err, ErrProviderLimit):
		return strongroom.Errorf(strongroom.CodeCredentialLimit, "This organization has as many credentials of this provider as it may; delete one first")
	case errors.Is(err, ErrUserLimit):
		return strongroom.Errorf(strongroom.CodeCredentialLimit, "This user has as many credentials as they may; delete one first")
	case errors.Is(err, ErrErased):
		return strongroom.Erased().Because(err)
	case errors.Is(err, ErrOtherRoot):
		return strongroom.Unavailable(strongroom.CodeKeyUnavailable, "The root key was replaced, and this server has not got the new one; try again", retryAfter).Because(err)
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return strongroom.Unavailable(strongroom.CodeRepositoryUnavailable, "The database cannot be used at the moment; try again", retryAfter).Because(err)
	default:
		return strongroom.Errorf(strongroom.CodeRepository, "The database answered in a way it should not; the operator's log says more").Because(err)
	}
}
