package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ory/fosite"
)

// grant is everything that was issued on the strength of one consent. Its fields but turn
// are guarded by the store's lock.
type grant struct {
	// turn is held while a token request of this grant is processed: fosite looks a refresh
	// token up and rotates it in two steps, and two requests with the same one must not
	// both pass the first.
	turn sync.Mutex

	id string
	// request holds the client, the scopes and the user, as of the last exchange.
	request fosite.Requester
	// alive: no reuse, no revocation, consent not withdrawn.
	alive         bool
	killedByReuse bool
	// refresh is the signature of the refresh token in force; empty: there is none.
	refresh string
	// refreshToken is that token itself, for the test that asks.
	refreshToken string
	// generation counts the rotations that end access tokens.
	generation int
	// attempts are token requests that named this grant; exchanges those that were granted.
	attempts, exchanges int
}

// accessToken is what is known of an access token.
type accessToken struct {
	grant      *grant
	generation int
	expires    time.Time
}

// code is an authorization code.
type code struct {
	grant *grant
	used  bool
}

// store keeps what fosite issues. Every operation is a few map accesses: what one costs
// does not grow with what there is. fosite's own memory store is not used because its
// rotation leaves two concurrent uses of one refresh token undetected, and writes to
// a map without holding its lock.
type store struct {
	clients  *clients
	settings *settings
	stats    *stats

	mu     sync.Mutex
	grants map[string]*grant
	// refresh and access know every token there ever was, by signature.
	refresh map[string]*grant
	access  map[string]accessToken
	codes   map[string]*code
	// challenges are by the code's signature, logins by the code.
	challenges, logins map[string]fosite.Requester
}

func newStore(clients *clients, settings *settings, stats *stats) *store {
	return &store{
		clients: clients, settings: settings, stats: stats,
		grants: map[string]*grant{}, refresh: map[string]*grant{}, access: map[string]accessToken{},
		codes: map[string]*code{}, challenges: map[string]fosite.Requester{}, logins: map[string]fosite.Requester{},
	}
}

// grantOf returns the grant that a request belongs to, a new one for a request that is
// not known: the request's id is the grant's for as long as it lives. Call it with the
// lock held.
func (s *store) grantOf(request fosite.Requester) *grant {
	id := request.GetID()
	g, ok := s.grants[id]
	if !ok {
		g = &grant{id: id, alive: true, request: request}
		s.grants[id] = g
	}
	return g
}

// end kills a grant with all its tokens.
func (s *store) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.grants[id]; ok {
		g.alive = false
	}
}

// endForReuse kills a grant because something that may be used once was used again.
// Call it with the lock held.
func (s *store) endForReuse(g *grant) {
	if g.alive {
		g.alive, g.killedByReuse = false, true
		s.stats.reused()
	}
}

// GetClient implements fosite.ClientManager.
func (s *store) GetClient(_ context.Context, id string) (fosite.Client, error) {
	if c, ok := s.clients.byID[id]; ok {
		return c, nil
	}
	return nil, fosite.ErrNotFound
}

// errNoAssertions: no client here authenticates with a JWT.
var errNoAssertions = errors.New("client assertions are not supported")

// ClientAssertionJWTValid implements fosite.ClientManager.
func (s *store) ClientAssertionJWTValid(context.Context, string) error { return errNoAssertions }

// SetClientAssertionJWT implements fosite.ClientManager.
func (s *store) SetClientAssertionJWT(context.Context, string, time.Time) error {
	return errNoAssertions
}
