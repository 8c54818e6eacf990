package oauthtest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Allow follows an authorization URL as a user who logs in and consents would, and
// returns the address that the browser is sent back to: with a code, or with the error
// that the server has against the request.
func (s *Server) Allow(authorizationURL, username string) *url.URL {
	s.tb.Helper()
	return s.decide(authorizationURL, username, "allow")
}

// Deny is Allow for a user who does not consent: the address has error=access_denied.
func (s *Server) Deny(authorizationURL, username string) *url.URL {
	s.tb.Helper()
	return s.decide(authorizationURL, username, "deny")
}

// decide posts what the consent page would. The test fails where the server does not send
// the browser back, as with a client or redirect URI that it does not know.
func (s *Server) decide(authorizationURL, username, decision string) *url.URL {
	s.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	form := url.Values{"username": {username}, "decision": {decision}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, authorizationURL, strings.NewReader(form.Encode()))
	if err != nil {
		s.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := s.client.Do(req)
	if err != nil {
		s.tb.Fatal(err)
	}
	defer res.Body.Close()
	location, err := res.Location()
	if err != nil {
		body, _ := io.ReadAll(res.Body)
		s.tb.Fatalf("the OAuth server answers %s and does not send the browser back: %s", res.Status, body)
	}
	return location
}
