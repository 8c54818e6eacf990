package endpoint

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/secret"
)

// keySet returns the provider's keys. It remembers those of an hour at most: package oidc
// fetches anew for a key that it does not know, but never forgets one.
func (c *Caller) keySet(ctx context.Context, address string) (*oidc.RemoteKeySet, error) {
	return c.keys.get(ctx, address, func(context.Context) (*oidc.RemoteKeySet, error) {
		return oidc.NewRemoteKeySet(c.keyContext, address), nil
	})
}

// fetcher is the transport of package oidc, which bounds neither the time nor the size of
// what it fetches and quotes it in its errors.
type fetcher struct{ caller *Caller }

// RoundTrip answers with a whole JSON document, or fails with an *Error.
func (f fetcher) RoundTrip(request *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(request.Context(), fetchTimeout)
	defer cancel()
	// Headers of the definition's are not for keys, which are not of one definition alone.
	own, err := newGet(ctx, catalog.OAuth{}, request.URL.String(), secret.Value{})
	if err != nil {
		return nil, err
	}
	document, err := f.caller.get(own)
	if err != nil {
		return nil, err
	}
	if !json.Valid(document) {
		return nil, &Error{Reason: strongroom.ReasonMalformedAnswer, text: "the answer is no key set"}
	}
	return &http.Response{
		StatusCode: http.StatusOK, Request: request, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(document)),
	}, nil
}

// watched is a key set that remembers why keys could not be fetched: the verifier of
// package oidc does not hand that on.
type watched struct {
	keys   *oidc.RemoteKeySet
	failed *Error
}

// VerifySignature is oidc.KeySet's.
func (w *watched) VerifySignature(ctx context.Context, jwt string) ([]byte, error) {
	payload, err := w.keys.VerifySignature(ctx, jwt)
	var failed *Error
	switch {
	case errors.As(err, &failed):
		w.failed = &Error{Reason: failed.Reason, text: "the provider's keys cannot be fetched: " + failed.text}
	case err != nil && ctx.Err() != nil:
		w.failed = explain(ctx.Err())
	}
	return payload, err
}
