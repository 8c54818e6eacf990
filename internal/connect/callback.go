package connect

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"net/url"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/secret"
)

// outcome is how a flow ended, as it is kept and as the browser is told.
type outcome struct {
	CredentialID string `json:"credential_id,omitempty"`
	// Error and Description are told to the page that the browser goes to.
	Error       string `json:"error,omitempty"`
	Description string `json:"error_description,omitempty"`
}

// Errors of ours that a callback can end with; the provider's own codes are RFC 6749's.
const (
	errorInvalidState = "invalid_state"
	errorExpired      = "state_expired"
	errorProvider     = "provider_error"
	errorIdentity     = "invalid_id_token"
	errorStore        = "not_stored"
	errorUnknown      = "outcome_unknown"
)

// Callback implements strongroom.OAuthService.
func (s *Service) Callback(ctx context.Context, c strongroom.AuthorizationCallback) (string, error) {
	defer c.Code.Destroy()
	// A browser that reloads or leaves ends its request; the code can be used only once, and
	// its exchange goes on.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callbackTime)
	defer cancel()
	flow, err := s.Store.OAuthFlow(ctx, sha256.Sum256([]byte(c.State)))
	if errors.Is(err, store.ErrNotFound) {
		return "", strongroom.Errorf(strongroom.CodeBadRequest, "This sign-in is not known here, or it has been over for long; begin again")
	} else if err != nil {
		return "", store.Explain(err, "Connection")
	}
	redirect, err := url.Parse(flow.RedirectTo)
	if err != nil {
		return "", strongroom.Errorf(strongroom.CodeInternal, "This sign-in cannot be ended; begin again").Because(err)
	}
	end, err := s.finish(ctx, flow, c)
	if err != nil {
		return "", err
	}
	values := map[string]string{"credential_id": end.CredentialID}
	if end.Error != "" {
		values = map[string]string{"error": end.Error, "error_description": end.Description}
	}
	return with(redirect, values), nil
}

// finish uses the state up, whatever came with it, and then does what the provider's answer
// asks for.
func (s *Service) finish(ctx context.Context, f store.OAuthFlow, c strongroom.AuthorizationCallback) (outcome, error) {
	event := s.eventOf(f, c)
	code := sha256.Sum256(c.Code.Reveal())
	sameBrowser := f.CallbackPath == c.CallbackPath && knowsKey(f.BrowserHash, c.BrowserKeys)
	err := s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return nil, tx.UseOAuthFlow(f.OrganizationID, f.StateHash, code, event.Time)
	})
	switch {
	case errors.Is(err, store.ErrStale) && sameBrowser:
		return s.again(ctx, f, code, event)
	case errors.Is(err, store.ErrStale):
		return s.ended(ctx, f, event, outcome{Error: errorInvalidState, Description: "This sign-in was begun in another browser, or is over; begin again"}, false)
	case err != nil:
		return outcome{}, store.Explain(err, "Connection")
	case !sameBrowser:
		return s.ended(ctx, f, event, outcome{Error: errorInvalidState, Description: "This sign-in was begun in another browser, or cookies are blocked; begin again in this one"}, true)
	case c.Error != "":
		return s.ended(ctx, f, event, denial(c.Error), true)
	}
	credential, failure := s.complete(ctx, f, c, callerOf(f, c))
	if failure != nil {
		return s.ended(ctx, f, event, *failure, true)
	}
	event.CredentialID, event.Version = credential.ID, credential.Version
	return s.ended(ctx, f, event, outcome{CredentialID: credential.ID.String()}, true)
}

// eventOf is the callback's event: the browser has no credential, so that it is the user
// who began.
func (s *Service) eventOf(f store.OAuthFlow, c strongroom.AuthorizationCallback) strongroom.Event {
	e := strongroom.NewEvent(s.Clock.Now(), callerOf(f, c), strongroom.ActionOAuthCallback)
	e.Provider = f.Provider
	if f.CredentialID != nil {
		e.CredentialID = *f.CredentialID
	}
	return e
}

func callerOf(f store.OAuthFlow, c strongroom.AuthorizationCallback) strongroom.Caller {
	caller := c.Caller
	caller.Principal = strongroom.Principal{Kind: strongroom.KindUser, ID: f.UserID, OrganizationID: f.OrganizationID, Role: f.Role}
	return caller
}

// knowsKey compares every cookie in constant time.
func knowsKey(hash [32]byte, keys []secret.Value) bool {
	known := 0
	for _, k := range keys {
		sum := sha256.Sum256(k.Reveal())
		known |= subtle.ConstantTimeCompare(sum[:], hash[:])
	}
	return known == 1
}

// ended puts the end of a flow on record, keeps it where it is the flow's own end, and
// returns it.
func (s *Service) ended(ctx context.Context, f store.OAuthFlow, event strongroom.Event, o outcome, own bool) (outcome, error) {
	if o.Error != "" {
		event = event.Denied(strongroom.Errorf(strongroom.CodeForbidden, "%s", o.Error))
		event.Note = o.Error
	}
	kept, err := json.Marshal(o)
	if err != nil {
		return outcome{}, err
	}
	if !own {
		return o, s.recordFailure(ctx, event)
	}
	// The person may be gone by now; how it ended is kept all the same.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.EndOAuthFlow(f.OrganizationID, f.StateHash, kept)
	})
	if err != nil {
		return outcome{}, store.Explain(err, "Connection")
	}
	s.Observe(event.Action, event.Outcome, event.Reason)
	return o, nil
}

// againEvery and againFor are how a callback that came twice waits for the first.
const (
	againEvery = 100 * time.Millisecond
	againFor   = 10 * time.Second
)

// again answers a callback that came twice as the first one is, or will be; the code is not
// used again. Another code with the same state is nobody's callback.
func (s *Service) again(ctx context.Context, f store.OAuthFlow, code [32]byte, event strongroom.Event) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, againFor)
	defer cancel()
	for {
		now, err := s.Store.OAuthFlow(ctx, f.StateHash)
		switch {
		case err != nil && ctx.Err() == nil:
			return outcome{}, store.Explain(err, "Connection")
		case err != nil:
			return s.ended(context.WithoutCancel(ctx), f, event, outcome{Error: errorUnknown, Description: "How this sign-in ended is not known yet; look at the list of credentials"}, false)
		case now.UsedAt == nil:
			return s.ended(ctx, f, event, outcome{Error: errorExpired, Description: "This sign-in has expired; begin again"}, false)
		case subtle.ConstantTimeCompare(now.CodeHash[:], code[:]) != 1:
			return s.ended(ctx, f, event, outcome{Error: errorInvalidState, Description: "This sign-in is over; begin again"}, false)
		case now.Outcome != nil:
			var o outcome
			if err := json.Unmarshal(now.Outcome, &o); err != nil {
				return outcome{}, err
			}
			if _, err := uuid.Parse(o.CredentialID); err != nil {
				o.CredentialID = ""
			}
			return o, nil
		}
		select {
		case <-time.After(againEvery):
		case <-ctx.Done():
		}
	}
}
