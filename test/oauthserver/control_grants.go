package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/ory/fosite"
)

// maxGrants bounds how many grants one call makes.
const maxGrants = 100_000

// number reads a query parameter that is 0 or more.
func number(r *http.Request, name string, otherwise int) (int, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 {
		return 0, refused(name + " is a whole number, 0 or more")
	}
	return n, nil
}

// grantRequest asks for grants that no browser was used for.
type grantRequest struct {
	// ClientID is "confidential" if empty.
	ClientID string `json:"client_id"`
	// Username is "user" if empty; of many grants each has its number after it.
	Username string `json:"username"`
	// Scopes are offline_access if empty; without that there is no refresh token.
	Scopes []string `json:"scopes"`
	// AccessLifetimeSeconds is of the first access token; negative: it has expired. Null:
	// the lifetime in force.
	AccessLifetimeSeconds *int64 `json:"access_lifetime_seconds"`
	// Count, if not null, asks for a list of so many.
	Count *int `json:"count"`
}

// issued is what a client holds of a grant.
type issued struct {
	GrantID      string `json:"grant_id"`
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token,omitempty"`
	// ExpiresIn is in seconds.
	ExpiresIn int64 `json:"expires_in"`
}

func (s *server) makeGrants(r *http.Request, in grantRequest) (any, error) {
	if in.ClientID == "" {
		in.ClientID = confidentialClient
	}
	if in.Username == "" {
		in.Username = "user"
	}
	if len(in.Scopes) == 0 {
		in.Scopes = []string{"offline_access"}
	}
	client, err := s.store.GetClient(r.Context(), in.ClientID)
	if err != nil {
		return nil, refused("there is no such client")
	}
	if in.Count == nil {
		return s.makeGrant(r.Context(), client, in.Username, in)
	}
	if *in.Count < 1 || *in.Count > maxGrants {
		return nil, refused(fmt.Sprintf("count is between 1 and %d", maxGrants))
	}
	all := make([]issued, *in.Count)
	for i := range all {
		if all[i], err = s.makeGrant(r.Context(), client, fmt.Sprintf("%s-%d", in.Username, i+1), in); err != nil {
			return nil, err
		}
	}
	return map[string]any{"grants": all}, nil
}

// makeGrant issues tokens as an exchange of a code would.
func (s *server) makeGrant(ctx context.Context, client fosite.Client, username string, in grantRequest) (issued, error) {
	request := fosite.NewRequest()
	request.Client, request.Session = client, newSession(username, request.RequestedAt)
	request.RequestedScope, request.GrantedScope = in.Scopes, in.Scopes
	lifetime := s.settings.GetAccessTokenLifespan(ctx)
	if in.AccessLifetimeSeconds != nil {
		lifetime = time.Duration(*in.AccessLifetimeSeconds) * time.Second
	}
	now := time.Now().UTC()
	request.Session.SetExpiresAt(fosite.AccessToken, now.Add(lifetime))
	if refresh := s.settings.GetRefreshTokenLifespan(ctx); refresh >= 0 {
		request.Session.SetExpiresAt(fosite.RefreshToken, now.Add(refresh))
	}
	out := issued{GrantID: request.GetID(), ExpiresIn: int64(lifetime / time.Second)}
	token, signature, err := s.tokens.GenerateAccessToken(ctx, request)
	if err != nil {
		return issued{}, err
	}
	out.AccessToken = token
	if err := s.store.CreateAccessTokenSession(ctx, signature, request); err != nil {
		return issued{}, err
	}
	if !request.GrantedScope.HasOneOf(s.settings.GetRefreshTokenScopes(ctx)...) {
		return out, nil
	}
	token, refreshSignature, err := s.tokens.GenerateRefreshToken(ctx, request)
	if err != nil {
		return issued{}, err
	}
	out.RefreshToken = token
	if err := s.store.CreateRefreshTokenSession(ctx, refreshSignature, signature, request); err != nil {
		return issued{}, err
	}
	s.store.inForce(out.GrantID, refreshSignature, token)
	return out, nil
}

func (s *server) showGrant(r *http.Request, _ nothing) (any, error) {
	shown, ok := s.store.show(r.PathValue("id"))
	if !ok {
		return nil, errNoGrant
	}
	return shown, nil
}

func (s *server) withdrawConsent(r *http.Request, _ nothing) (any, error) {
	if id := r.PathValue("id"); s.store.has(id) {
		s.store.end(id)
		return nothing{}, nil
	}
	return nil, errNoGrant
}

func (s *server) checkToken(r *http.Request, in struct {
	AccessToken string `json:"access_token"`
}) (any, error) {
	g, active := s.check(r.Context(), in.AccessToken)
	out := map[string]any{"active": active, "grant_id": ""}
	if g != nil {
		out["grant_id"] = g.id
	}
	return out, nil
}

// shownGrant is what a test may know of a grant.
type shownGrant struct {
	GrantID       string   `json:"grant_id"`
	ClientID      string   `json:"client_id"`
	Username      string   `json:"username"`
	Scopes        []string `json:"scopes"`
	Alive         bool     `json:"alive"`
	KilledByReuse bool     `json:"killed_by_reuse"`
	// Attempts are the token requests that named it, Exchanges those that were granted.
	Attempts  int `json:"attempts"`
	Exchanges int `json:"exchanges"`
	// RefreshTokenCurrent is the one in force, empty if there is none.
	RefreshTokenCurrent string `json:"refresh_token_current"`
}

func (s *store) show(id string) (shownGrant, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	g, ok := s.grants[id]
	if !ok {
		return shownGrant{}, false
	}
	shown := shownGrant{
		GrantID: g.id, ClientID: g.request.GetClient().GetID(), Username: g.request.GetSession().GetUsername(),
		Scopes: g.request.GetGrantedScopes(), Alive: g.alive, KilledByReuse: g.killedByReuse,
		Attempts: g.attempts, Exchanges: g.exchanges,
	}
	if g.alive {
		shown.RefreshTokenCurrent = g.refreshToken
	}
	return shown, true
}

func (s *store) has(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.grants[id]
	return ok
}
