package oauthtest

import (
	"net/http"
	"time"
)

// Forever as a refresh token's lifetime means that it does not expire.
const Forever time.Duration = -time.Second

// SetLifetimes changes how long tokens live that are issued from now on, in whole
// seconds; 0 leaves one as it is. At the start it is an hour and 30 days.
func (s *Server) SetLifetimes(access, refresh time.Duration) {
	s.tb.Helper()
	s.call(http.MethodPost, "/lifetimes", map[string]int64{
		"access_seconds": int64(access / time.Second), "refresh_seconds": int64(refresh / time.Second),
	}, nil)
}

// Rotation says what a refresh does to the tokens before it. The zero Rotation is what the
// server starts with.
type Rotation struct {
	// KeepRefreshTokens: a refresh token stays the same for ever, and answers leave it out.
	KeepRefreshTokens bool
	// EndAccessTokens: an access token ends when a refresh gives out the next, instead of
	// living on until it expires.
	EndAccessTokens bool
}

// SetRotation changes what a refresh does from now on.
func (s *Server) SetRotation(r Rotation) {
	s.tb.Helper()
	in := map[string]string{"refresh_tokens": "rotate", "access_tokens": "keep"}
	if r.KeepRefreshTokens {
		in["refresh_tokens"] = "keep"
	}
	if r.EndAccessTokens {
		in["access_tokens"] = "revoke"
	}
	s.call(http.MethodPost, "/rotation", in, nil)
}

// RotateKeys puts a new key in the place of the one that signs ID tokens, and returns its
// id. The algorithm is ES256 (if empty) or RS256.
func (s *Server) RotateKeys(algorithm string) string {
	s.tb.Helper()
	var out struct {
		KeyID string `json:"kid"`
	}
	s.call(http.MethodPost, "/rotate-keys", map[string]string{"algorithm": algorithm}, &out)
	return out.KeyID
}

// AllowRedirects adds loopback URLs that clients may be redirected to. The port does not
// count where the host is an IP address (RFC 8252, section 7.3).
func (s *Server) AllowRedirects(uris ...string) {
	s.tb.Helper()
	s.call(http.MethodPost, "/redirect-uris", map[string][]string{"add": uris}, nil)
}

// Stats are what the server has counted since it started or ResetStats.
type Stats struct {
	// Exchanges are the token requests that were granted, by grant_type.
	Exchanges map[string]int `json:"exchanges"`
	// Failures are the token requests that were processed and refused.
	Failures int `json:"failures"`
	// ReuseDetected are the grants that ended because something of theirs was used twice.
	ReuseDetected int `json:"reuse_detected"`
	// InFlight are the token requests under way, held ones among them.
	InFlight    int `json:"in_flight"`
	MaxInFlight int `json:"max_in_flight"`
	// Requests are all that arrived, by path.
	Requests map[string]int `json:"requests"`
}

// Stats returns what the server has counted.
func (s *Server) Stats() Stats {
	s.tb.Helper()
	var out Stats
	s.call(http.MethodGet, "/stats", nothing{}, &out)
	return out
}

// ResetStats counts from nothing again.
func (s *Server) ResetStats() {
	s.tb.Helper()
	s.call(http.MethodPost, "/reset-stats", nothing{}, nil)
}
