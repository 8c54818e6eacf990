package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

const (
	// maxTries bounds how often a request is made.
	maxTries = 3
	// patience is how long after the first try the last one may begin.
	patience = 10 * time.Second
)

// again makes tries as long as the answers say when to come back and that is soon enough.
// What is not worth waiting for, because the context ends before, is returned at once: the
// answer says more than the context's end.
func again(ctx context.Context, try func() (answer, error)) (answer, error) {
	last := time.Now().Add(patience)
	if end, ok := ctx.Deadline(); ok && end.Before(last) {
		last = end
	}
	for tries := 1; ; tries++ {
		a, err := try()
		wait := pause(err)
		if wait == 0 || tries == maxTries || time.Now().Add(wait).After(last) {
			return a, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer{}, fmt.Errorf("client: %w while waiting to ask again after: %w", ctx.Err(), err)
		}
	}
}

// pause returns how long to wait before asking again; 0: asking again does not help, or
// nobody said when it would.
func pause(err error) time.Duration {
	var e *Error
	if errors.As(err, &e) && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable) {
		return e.RetryAfter
	}
	return 0
}
