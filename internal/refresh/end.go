package refresh

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// How often, and for how long, an end is tried to be written. A new token is held as long
// as can be: without it the credential may be lost.
const (
	firstRetry = 50 * time.Millisecond
	maxRetry   = 5 * time.Second
	holdToken  = 10 * time.Minute
	holdResult = 20 * time.Second
	writeTime  = 20 * time.Second
)

// end writes how the attempt ended, and puts it on record.
func (s *Service) end(held store.RenewalState, r *request, a oauth.Answer) error {
	hold := holdResult
	if a.Outcome == oauth.Renewed {
		hold = holdToken
	}
	// Neither the callers nor the flight's deadline end this: only the service does.
	ctx, cancel := context.WithTimeout(s.living, hold)
	defer cancel()
	s.explain(held, a)
	for wait := firstRetry; ; wait = min(2*wait, maxRetry) {
		err := s.write(ctx, held, r, a)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrStale), errors.Is(err, store.ErrNotFound):
			return s.superseded(ctx, held, a)
		}
		s.Log.Error("the end of a renewal cannot be stored; it is held and tried again", "credential_id", held.ID.String(), "renewed", a.Outcome == oauth.Renewed, "error", err)
		if pause(ctx, wait) != nil {
			return fmt.Errorf("the end of a renewal was not stored: %w", err)
		}
	}
}

// superseded says what it means that the lease was lost. A write whose failure came with
// the commit itself may have been kept: then it is this attempt's own end that is there.
func (s *Service) superseded(ctx context.Context, held store.RenewalState, a oauth.Answer) error {
	now, err := s.Store.RenewalState(ctx, held.OrganizationID, held.ID)
	if err == nil && now.Fence == held.Fence && now.LeasedUntil == nil {
		return nil
	}
	if a.Outcome == oauth.Renewed {
		s.Log.Warn("a renewed token was not stored: the credential was replaced, or renewed by another, meanwhile", "credential_id", held.ID.String())
	}
	return nil
}

// write makes one transaction of the end and its event.
func (s *Service) write(ctx context.Context, held store.RenewalState, r *request, a oauth.Answer) error {
	ctx, cancel := context.WithTimeout(ctx, writeTime)
	defer cancel()
	now := s.Clock.Now()
	end, err := s.result(ctx, held, r, a, now)
	if err != nil {
		return err
	}
	event := strongroom.Event{
		Time: now, Action: strongroom.ActionCredentialRefresh, Outcome: strongroom.OutcomeAllowed,
		OrganizationID: held.OrganizationID, PrincipalKind: strongroom.KindStrongroom, PrincipalID: uuid.Nil,
		CredentialID: held.ID, Provider: held.Provider, Version: held.Version, Note: string(end.Renewal.Reason),
	}
	switch {
	case end.Renewed != nil:
		event.Version, event.Note = held.Version+1, "renewed"
	case end.Status == strongroom.StatusNeedsReauth:
		event.Outcome, event.Reason = strongroom.OutcomeFailed, strongroom.CodeReauthorization
	default:
		event.Outcome, event.Reason = strongroom.OutcomeFailed, strongroom.CodeRefreshFailed
	}
	return s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.EndRenewal(held.OrganizationID, end)
	})
}

// result is what the credential becomes by the answer.
func (s *Service) result(ctx context.Context, held store.RenewalState, r *request, a oauth.Answer, now time.Time) (store.RenewalEnd, error) {
	end := store.RenewalEnd{ID: held.ID, Version: held.Version, Fence: held.Fence, Renewal: held.Renewal}
	if a.Outcome == oauth.Renewed {
		return s.renewed(ctx, end, held, r, a, now)
	}
	end.Status, end.Renewal.Reason = stateAfter(held.Status, a)
	sentence := oauth.Sentence(end.Renewal.Reason)
	end.RefreshError = &sentence
	if held.Status != end.Status || held.Renewal.Since == nil {
		end.Renewal.Since = &now
	}
	end.Renewal.Failures++
	end.Renewal.NextAt = nil
	if end.Status != strongroom.StatusNeedsReauth {
		next := now.Add(oauth.Backoff(end.Renewal.Failures, a.Reason, a.RetryAfter, s.Jitter()))
		end.Renewal.NextAt = &next
	}
	return end, nil
}

// stateAfter is the credential's state and its reason after an answer that brought no token.
func stateAfter(before strongroom.CredentialStatus, a oauth.Answer) (strongroom.CredentialStatus, strongroom.StatusReason) {
	inDoubt := before == strongroom.StatusUncertain
	switch {
	case a.Outcome == oauth.Dead && inDoubt && a.Reason == strongroom.ReasonInvalidGrant:
		// The token that the lost answer replaced is refused: that answer had the good one.
		return strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost
	case a.Outcome == oauth.Dead:
		return strongroom.StatusNeedsReauth, a.Reason
	case a.Outcome == oauth.Uncertain, inDoubt:
		return strongroom.StatusUncertain, strongroom.ReasonAnswerLost
	}
	return strongroom.StatusRefreshFailing, a.Reason
}

// renewed seals the new data for the next version.
func (s *Service) renewed(ctx context.Context, end store.RenewalEnd, held store.RenewalState, r *request, a oauth.Answer, now time.Time) (store.RenewalEnd, error) {
	expiresAt := oauth.ExpiresAt(r.def, a.Token, now)
	data, err := oauth.Merge(r.data, a.Token, now, expiresAt)
	if err != nil {
		return end, err
	}
	defer data.Destroy()
	sealed, err := s.Sealer.Seal(ctx, seal.Binding{OrganizationID: held.OrganizationID, RecordID: held.ID, Version: held.Version + 1}, data)
	if err != nil {
		return end, err
	}
	end.Status = strongroom.StatusActive
	end.Renewal = strongroom.Renewal{ClientID: held.Renewal.ClientID}
	if end.Renewal.ClientID == "" && !r.ownClient {
		// From now on it is known whom the tokens are issued to: another client, stored
		// later, would be told that the grant is dead.
		end.Renewal.ClientID = r.client.ID
	}
	if expiresAt != nil {
		staleAt, renewAt := oauth.Schedule(now, *expiresAt, s.Jitter())
		end.Renewal.StaleAt, end.Renewal.NextAt = &staleAt, &renewAt
	}
	end.Renewed = &store.RenewedData{Sealed: sealed, ExpiresAt: expiresAt, Scopes: held.Scopes, At: now}
	if a.Token.Scopes != nil {
		end.Renewed.Scopes = a.Token.Scopes
	}
	return end, nil
}

// explain logs why no token came; nothing of the provider's answer is in it.
func (s *Service) explain(held store.RenewalState, a oauth.Answer) {
	if a.Outcome == oauth.Renewed {
		return
	}
	s.Log.Warn("a token was not renewed", "credential_id", held.ID.String(), "organization_id", held.OrganizationID.String(),
		"provider", held.Provider, "reason", string(a.Reason), "failures", held.Renewal.Failures+1, "error", a.Cause)
}
