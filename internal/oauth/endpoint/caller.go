package endpoint

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"strongroom"
	"strongroom/internal/oauth"
)

const (
	// longest bounds a request whose context has no deadline, or a later one.
	longest = 30 * time.Second
	// fetchTimeout bounds the fetching of metadata or keys, which nobody's context does.
	fetchTimeout = 10 * time.Second
	// maxBody is how much of an answer is read, in bytes. One more makes it too large.
	maxBody = oauth.MaxAnswer + 1

	userAgent = "strongroom"
)

// Options is what a Caller is made of; all are required.
type Options struct {
	// HTTP makes the connections. Its redirect policy and cookies are not used.
	HTTP  *http.Client
	Clock strongroom.Clock
	Log   *slog.Logger
}

// Caller asks providers. It is safe for concurrent use.
type Caller struct {
	http     *http.Client
	clock    strongroom.Clock
	metadata *cache[metadata]
	keys     *cache[*oidc.RemoteKeySet]
	// keyContext tells package oidc how to fetch keys.
	keyContext context.Context
}

// New returns a Caller.
func New(o Options) *Caller {
	direct := *o.HTTP
	direct.Jar = nil
	// A redirect could lead to where the definition does not, and repeat a secret there.
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &Caller{
		http: &direct, clock: o.Clock,
		metadata: newCache[metadata](o.Clock, o.Log),
		keys:     newCache[*oidc.RemoteKeySet](o.Clock, o.Log),
	}
	keyClient := direct
	keyClient.Transport = fetcher{c}
	c.keyContext = oidc.ClientContext(context.Background(), &keyClient)
	return c
}
