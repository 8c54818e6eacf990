package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"strongroom/api"
)

const (
	callTimeout = 10 * time.Second
	maxAnswer   = 4 << 20
)

// answer is what the server said.
type answer struct {
	status int
	body   []byte
}

// as reads a successful answer's body.
func (a answer) as(into any) error {
	if a.status >= http.StatusBadRequest {
		return fmt.Errorf("the server answered %d", a.status)
	}
	return json.Unmarshal(a.body, into)
}

// call asks the server as a user (a token) or as a service account (a key); the same
// header takes both. The body is sent where it is not nil.
func (t *tour) call(ctx context.Context, method, path string, who api.SecretString, body any) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
		}
		content = bytes.NewReader(text)
	}
	request, err := http.NewRequestWithContext(ctx, method, t.url+path, content)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: %w", method, path, err)
	}
	request.Header.Set("Authorization", "Bearer "+string(who))
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	// No proxy stands between this machine and itself, and no connection is kept for the
	// shutdown to wait for.
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return answer{}, fmt.Errorf("the server does not answer: %w", err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return answer{}, fmt.Errorf("the server's answer breaks off: %w", err)
	}
	return answer{status: response.StatusCode, body: bytes.TrimSpace(text)}, nil
}
