package rekey

import (
	"context"
	"errors"
	"fmt"

	"strongroom"
	"strongroom/internal/store"
)

// Erased is what became of an organization.
type Erased struct {
	store.Erasure
	// Before says that it had been erased already, and only the files were scrubbed.
	Before bool
	// Remains says what is left to the operator, beside the backups; empty: nothing.
	Remains string
}

// Erase destroys every version of the key of the caller's organization, and all that it has,
// for good. Where it was killed it may be called again.
func (s *Service) Erase(ctx context.Context, caller strongroom.Caller) (Erased, error) {
	if err := mayRekey(caller); err != nil {
		return Erased{}, err
	}
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionOrganizationErase)
	var done Erased
	err := s.Audit.Commit(ctx, func(tx store.Tx) (_ []strongroom.Event, err error) {
		had, err := tx.EraseOrganization(caller.OrganizationID, event.Time)
		if err != nil {
			return nil, err
		}
		done.Erasure, event.Note = had, note(had)
		return []strongroom.Event{event}, nil
	})
	switch {
	case errors.Is(err, store.ErrErased):
		done.Before = true
	case err != nil:
		event.Note = ""
		return Erased{}, s.failed(ctx, event, store.Explain(err, "Organization"))
	}
	if done.Remains, err = s.Store.Scrub(ctx); err != nil {
		return done, fmt.Errorf("the organization is erased, and the database's files may still hold its keys: run this again: %w", err)
	}
	return done, nil
}

func note(had store.Erasure) string {
	return fmt.Sprintf("keys: %d, credentials: %d, OAuth clients: %d, service accounts: %d, API keys: %d",
		had.Keys, had.Credentials, had.OAuthClients, had.Accounts, had.APIKeys)
}
