package oauthtest

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
)

// call calls the control API and decodes the answer into out, unless that is nil.
func (s *Server) call(method, path string, in, out any) {
	s.tb.Helper()
	// A cleanup of the test may call too, when the test's own context has ended.
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := s.try(ctx, method, path, in, out); err != nil {
		s.tb.Fatalf("the OAuth server's control API: %s %s: %v", method, path, err)
	}
}

// try is call with the error returned.
func (s *Server) try(ctx context.Context, method, path string, in, out any) error {
	encoded, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, s.control+path, bytes.NewReader(encoded))
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != http.StatusOK:
		return refusal{res.Status, body}
	case out == nil:
		return nil
	}
	return json.Unmarshal(body, out)
}

// refusal is an answer of the control API other than 200.
type refusal struct {
	status string
	body   []byte
}

// Error implements error.
func (r refusal) Error() string { return r.status + " " + string(r.body) }

// nothing is a body that says nothing.
type nothing struct{}
