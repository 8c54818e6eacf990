package identity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"strongroom"
)

const (
	// refreshAfter is how old keys grow before they are fetched again.
	refreshAfter = 15 * time.Minute
	// fetchPause lies between two fetches, so that tokens with made-up key ids cannot
	// cause more; firstPause where no fetch has succeeded yet, so that an issuer that
	// started after us is soon known.
	fetchPause = 30 * time.Second
	firstPause = 5 * time.Second
	// fetchTimeout bounds a fetch, discovery included.
	fetchTimeout = 10 * time.Second
)

// remote has the keys that an issuer publishes.
type remote struct {
	issuer string
	// url of the JWKS; empty: discovered at the issuer.
	url    string
	client *http.Client
	clock  strongroom.Clock
	log    *slog.Logger

	mu sync.Mutex
	// keys are the last good ones; nil before the first.
	keys      *keySet
	fetchedAt time.Time
	// begunAt is when the newest fetch began, failure how it ended.
	begunAt time.Time
	failure error
	// running is closed when the fetch under way ends; nil: none is.
	running chan struct{}
}

func newRemote(issuer, url string, client *http.Client, clock strongroom.Clock, log *slog.Logger) *remote {
	// A redirect could lead to where the configured URL may not.
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &remote{issuer: issuer, url: url, client: &direct, clock: clock, log: log}
}

// verify tries the keys at hand, and where none fits the newest that can be had. Its
// errors are verify's own, or *strongroom.Error.
func (r *remote) verify(ctx context.Context, algorithm jose.SignatureAlgorithm, id string, verify func(key any) error) error {
	keys := r.current()
	err := keys.verify(algorithm, id, verify)
	if !errors.Is(err, errNoKey) {
		return err
	}
	newer, failure := r.newest(ctx)
	if newer != keys {
		err = newer.verify(algorithm, id, verify)
	}
	switch {
	case !errors.Is(err, errNoKey):
		return err
	case failure != nil:
		return failure
	}
	return unauthorized("The token is signed with a key that its issuer does not publish")
}

// current returns the keys at hand, and has old ones fetched anew behind the back of
// whoever asks.
func (r *remote) current() *keySet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.keys != nil && r.clock().Sub(r.fetchedAt) >= refreshAfter {
		r.fetchLocked()
	}
	return r.keys
}

// newest returns the last good keys, after a fetch if one may be made or is under way.
// The error is a CodeKeyUnavailable: the newest fetch failed, or has not ended yet, so
// that nobody knows which keys are good.
func (r *remote) newest(ctx context.Context) (*keySet, error) {
	r.mu.Lock()
	r.fetchLocked()
	running := r.running
	r.mu.Unlock()
	if running != nil {
		select {
		case <-running:
		case <-ctx.Done():
			return nil, unavailable(time.Second, ctx.Err())
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != nil {
		return r.keys, unavailable(max(time.Second, r.begunAt.Add(r.pauseLocked()).Sub(r.clock())), r.failure)
	}
	return r.keys, nil
}

func unavailable(retryAfter time.Duration, cause error) error {
	return strongroom.Unavailable(strongroom.CodeKeyUnavailable, "The keys of the token's issuer cannot be fetched now; try again", retryAfter).Because(cause)
}

// fetchLocked begins a fetch unless one is under way or was begun a moment ago.
func (r *remote) fetchLocked() {
	now := r.clock()
	if r.running != nil || now.Sub(r.begunAt) < r.pauseLocked() {
		return
	}
	r.begunAt, r.running = now, make(chan struct{})
	go r.run()
}

func (r *remote) pauseLocked() time.Duration {
	if r.keys == nil {
		return firstPause
	}
	return fetchPause
}

// run makes one fetch, which is nobody's own: it goes on when those who wait are gone,
// and ends whatever happens, a panic over a hostile document included.
func (r *remote) run() {
	ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
	defer cancel()
	var keys *keySet
	failure := errors.New("fetching the issuer's keys ended without an answer")
	defer func() {
		if p := recover(); p != nil {
			failure = fmt.Errorf("fetching the issuer's keys panicked: %v", p)
		}
		r.finish(keys, failure)
	}()
	keys, failure = r.fetch(ctx)
}

func (r *remote) finish(keys *keySet, failure error) {
	r.mu.Lock()
	if failure == nil {
		r.keys, r.fetchedAt = keys, r.clock()
	}
	r.failure = failure
	close(r.running)
	r.running = nil
	r.mu.Unlock()
	if failure != nil {
		r.log.Warn("issuer's keys cannot be fetched; the last good ones stay in use", "issuer", r.issuer, "error", failure)
		return
	}
	r.log.Debug("issuer's keys fetched", "issuer", r.issuer, "usable", len(keys.keys))
}
