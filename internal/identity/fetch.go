package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// maxDocument bounds a discovery document or key set, in bytes.
const maxDocument = 1 << 20

// fetch returns the keys that the issuer publishes now.
func (r *remote) fetch(ctx context.Context) (*keySet, error) {
	url := r.url
	if url == "" {
		var err error
		if url, err = r.discover(ctx); err != nil {
			return nil, err
		}
	}
	document, err := r.get(ctx, url)
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	return parseKeySet(document)
}

// discover returns the URL of the issuer's key set, as its configuration names it
// (OpenID Connect Discovery 1.0, section 4).
func (r *remote) discover(ctx context.Context) (string, error) {
	document, err := r.get(ctx, strings.TrimSuffix(r.issuer, "/")+"/.well-known/openid-configuration")
	if err != nil {
		return "", fmt.Errorf("discovery: %w", err)
	}
	var configuration struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(document, &configuration); err != nil {
		return "", fmt.Errorf("discovery document is not JSON of its form: %w", err)
	}
	// Section 4.3: exactly, or another issuer could speak for this one.
	if configuration.Issuer != r.issuer {
		return "", errors.New("discovery document is another issuer's")
	}
	if err := checkURL(configuration.JWKS); err != nil {
		return "", fmt.Errorf("discovery document's jwks_uri %w", err)
	}
	return configuration.JWKS, nil
}

func (r *remote) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := r.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered with status %d", url, response.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(response.Body, maxDocument+1))
	if err != nil {
		return nil, fmt.Errorf("reading from %s: %w", url, err)
	}
	if len(document) > maxDocument {
		return nil, fmt.Errorf("%s answered with over %d bytes", url, maxDocument)
	}
	return document, nil
}
