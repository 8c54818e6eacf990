package custody

import (
	"context"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/policy"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Renewer renews and revokes OAuth tokens at their providers.
type Renewer interface {
	// Renew returns when an attempt to renew the credential has ended, its own or the one
	// that was under way, or when there is nothing to renew any more. What came of it is
	// on the credential, to be read anew. With force it renews what is not due as well.
	// Where ctx ends first, the attempt goes on without its caller.
	Renew(ctx context.Context, organization, id uuid.UUID, force bool) error
	// Revoke ends the grant of the data at the provider. ctx bounds it.
	Revoke(ctx context.Context, c strongroom.Credential, data secret.Value) strongroom.Revocation
}

// noRenewer is for a service that renews nothing: the command line.
type noRenewer struct{}

func (noRenewer) Renew(context.Context, uuid.UUID, uuid.UUID, bool) error {
	return strongroom.Errorf(strongroom.CodeRefreshFailed, "This process renews no tokens")
}

func (noRenewer) Revoke(context.Context, strongroom.Credential, secret.Value) strongroom.Revocation {
	return strongroom.RevocationUnsupported
}

// How long a read waits for a renewal: as long as a provider may take where the token has
// ended, and not long where it can be served as it is.
const (
	waitForToken  = 20 * time.Second
	waitIfServing = 5 * time.Second
)

// awaitRenewal has a stale token renewed and waits for it.
func (s *Service) awaitRenewal(ctx context.Context, c strongroom.Credential, now time.Time) {
	wait := waitForToken
	if oauth.Valid(now, c) {
		wait = waitIfServing
		if c.ExpiresAt != nil {
			wait = min(wait, c.ExpiresAt.Sub(now)/2)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	// Its error says no more than what the credential says when it is read anew.
	_ = s.Renewer.Renew(ctx, c.OrganizationID, c.ID, false)
}

// refreshPause is how soon after a renewal another one is not made: whoever asks for it
// meanwhile has what they want.
const refreshPause = 5 * time.Second

// Refresh implements strongroom.CredentialService.
func (s *Service) Refresh(ctx context.Context, caller strongroom.Caller, id uuid.UUID) (strongroom.Credential, error) {
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialRefreshRequest)
	event.CredentialID = id
	c, err := s.decideOn(ctx, caller, policy.RefreshCredential, id, now)
	if err != nil {
		return strongroom.Credential{}, s.changeFailed(ctx, event, err)
	}
	event.Version, event.Provider = c.Version, c.Provider
	if provider, ok := s.Catalog.Provider(c.Provider); !ok || !renewable(provider, c.Type) {
		return strongroom.Credential{}, strongroom.Errorf(strongroom.CodeBadRequest, "This credential has no token that could be renewed")
	}
	if err := s.Audit.Record(ctx, event); err != nil {
		return strongroom.Credential{}, s.unrecorded(event, err)
	}
	s.Observe(event.Action, event.Outcome, "")
	if c.LastRefreshedAt != nil && now.Sub(*c.LastRefreshedAt) < refreshPause && c.Status == strongroom.StatusActive {
		return c, nil
	}
	if c.Status == strongroom.StatusNeedsReauth {
		return strongroom.Credential{}, oauth.StateError(now, c)
	}
	return s.refreshNow(ctx, caller, c)
}

// refreshNow renews the token and says how it stands then.
func (s *Service) refreshNow(ctx context.Context, caller strongroom.Caller, before strongroom.Credential) (strongroom.Credential, error) {
	waiting, cancel := context.WithTimeout(ctx, waitForToken)
	defer cancel()
	failed := s.Renewer.Renew(waiting, before.OrganizationID, before.ID, true)
	now := s.Clock.Now()
	c, err := s.decideOn(ctx, caller, policy.RefreshCredential, before.ID, now)
	switch {
	case err != nil:
		return strongroom.Credential{}, err
	case c.Status != strongroom.StatusActive:
		return strongroom.Credential{}, oauth.StateError(now, c)
	case failed != nil && c.Version == before.Version:
		return strongroom.Credential{}, strongroom.Unavailable(strongroom.CodeRefreshFailed, "The renewal has not ended yet; look at the credential again", time.Second).Because(failed)
	}
	return c, nil
}

func renewable(p catalog.Provider, t strongroom.CredentialType) bool {
	_, ok := p.GrantOf(t)
	return ok
}

// startRenewal says when new data is to be renewed, and what is known of its expiry.
func (s *Service) startRenewal(c *strongroom.Credential, checked catalog.Checked, now time.Time) {
	c.ExpiresAt, c.Scopes, c.AccountEmail = checked.ExpiresAt, checked.Scopes, checked.AccountEmail
	c.Renewal.StaleAt, c.Renewal.NextAt, c.Renewal.Failures, c.Renewal.Since, c.Renewal.Reason = nil, nil, 0, nil, ""
	provider, ok := s.Catalog.Provider(c.Provider)
	if !ok || !checked.OAuth || !renewable(provider, c.Type) {
		return
	}
	switch {
	case !checked.Renewable:
		// When it ends, the credential says so.
		c.Renewal.StaleAt, c.Renewal.NextAt = c.ExpiresAt, c.ExpiresAt
	case !checked.AccessToken:
		// There is nothing that works yet: the first token is got as soon as can be.
		c.ExpiresAt, c.Renewal.StaleAt, c.Renewal.NextAt = &now, &now, &now
	case c.ExpiresAt != nil:
		staleAt, renewAt := oauth.Schedule(issued(now, *c.ExpiresAt, provider.OAuth.Lifetime.Default), *c.ExpiresAt, s.Jitter())
		c.Renewal.StaleAt, c.Renewal.NextAt = &staleAt, &renewAt
	case !provider.OAuth.Lifetime.Never:
		// It ends, and nobody says when.
		c.Renewal.StaleAt, c.Renewal.NextAt = &now, &now
	}
}

// issued is when a token that somebody brings in was most likely issued: what is left of
// its life must not be taken for all of it, or one that is about to end seems short-lived.
func issued(now, expires time.Time, lifetime time.Duration) time.Time {
	if began := expires.Add(-lifetime); lifetime > 0 && began.Before(now) {
		return began
	}
	return now
}

// Reconnect gives a credential the tokens of a new connection. merge makes the new data of
// the old, which it must not keep; it may be called more than once. What the provider does
// not give (a folder to watch, say) stays as it was.
func (s *Service) Reconnect(ctx context.Context, caller strongroom.Caller, id uuid.UUID, clientID string, merge func(old secret.Value) (secret.Value, error)) (strongroom.Credential, error) {
	return s.change(ctx, caller, policy.ConnectCredential, id, func(c *strongroom.Credential, now time.Time) (secret.Value, error) {
		sealed, err := s.Store.SealedCredential(ctx, c.OrganizationID, c.ID)
		if err != nil {
			return secret.Value{}, err
		}
		if sealed.Version != c.Version {
			return secret.Value{}, store.ErrStale
		}
		old, err := s.openSealed(ctx, sealed)
		if err != nil {
			return secret.Value{}, err
		}
		defer old.Destroy()
		c.Renewal.ClientID = clientID
		return merge(old)
	})
}

// revokeTimeout bounds the revocation of a token; revoking goes on when whoever asked for
// it is gone.
const revokeTimeout = 15 * time.Second

// revoke ends the grant of a credential that has been deleted, and puts on record how that
// went.
func (s *Service) revoke(ctx context.Context, event strongroom.Event, deleted store.SealedCredential) (strongroom.Revocation, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), revokeTimeout)
	defer cancel()
	event.Action, event.Time = strongroom.ActionCredentialRevoke, s.Clock.Now()
	outcome := strongroom.RevocationFailed
	if data, err := s.openSealed(ctx, deleted); err == nil {
		outcome = s.Renewer.Revoke(ctx, deleted.Credential, data)
		data.Destroy()
	}
	event.Note = string(outcome)
	if outcome != strongroom.RevocationDone {
		event.Outcome, event.Reason = strongroom.OutcomeFailed, strongroom.CodeRefreshFailed
	}
	if err := s.Audit.Record(ctx, event); err != nil {
		return outcome, s.unrecorded(event, err)
	}
	s.Observe(event.Action, event.Outcome, event.Reason)
	return outcome, nil
}
