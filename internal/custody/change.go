package custody

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/policy"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// Create implements strongroom.CredentialService.
func (s *Service) Create(ctx context.Context, caller strongroom.Caller, n strongroom.NewCredential) (strongroom.Credential, error) {
	defer n.Data.Destroy()
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialCreate)
	if err := policy.Decide(caller, policy.CreateCredential, nil, now); err != nil {
		return strongroom.Credential{}, s.refuse(ctx, event, err)
	}
	provider, ok := s.Catalog.Provider(n.Provider)
	if !ok {
		return strongroom.Credential{}, strongroom.Errorf(strongroom.CodeInvalidProvider, "There is no such provider; the catalog lists those there are")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return strongroom.Credential{}, strongroom.Errorf(strongroom.CodeInternal, "No id could be made").Because(err)
	}
	owner := caller.ID
	c := strongroom.Credential{
		ID: id, OrganizationID: caller.OrganizationID, UserID: &owner,
		Name: strings.TrimSpace(n.Name), Provider: provider.Provider, Type: n.Type, Status: strongroom.StatusActive,
		ModifiedBy: caller.ID, Version: 1, CreatedAt: now, UpdatedAt: now,
		Renewal: strongroom.Renewal{ClientID: n.OAuthClientID},
	}
	checked, sealed, err := s.checkAndSeal(ctx, c, n.Data)
	if err != nil {
		return strongroom.Credential{}, err
	}
	s.startRenewal(&c, checked, now)
	s.startChecks(&c, now)
	event.CredentialID, event.Provider, event.Version = c.ID, c.Provider, c.Version
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		if err := tx.EnsureOrganization(c.OrganizationID, now); err != nil {
			return nil, err
		}
		return []strongroom.Event{event}, tx.CreateCredential(store.SealedCredential{Credential: c, Sealed: sealed}, s.Limits)
	})
	if errors.Is(err, store.ErrNotFound) {
		// What is made cannot be missing: the database is not as it should be, and the log
		// has to say so.
		err = strongroom.Errorf(strongroom.CodeRepository, "The credential could not be stored; the operator's log says more").Because(err)
	}
	if err != nil {
		return strongroom.Credential{}, s.changeFailed(ctx, event, err)
	}
	s.Observe(event.Action, event.Outcome, "")
	return c, nil
}

// updateAttempts bounds how often an update begins anew because somebody else's came
// in between: each time, one of the others has won.
const updateAttempts = 8

// Update implements strongroom.CredentialService.
func (s *Service) Update(ctx context.Context, caller strongroom.Caller, id uuid.UUID, u strongroom.CredentialUpdate) (strongroom.Credential, error) {
	defer u.Data.Destroy()
	return s.change(ctx, caller, policy.UpdateCredential, id, func(c *strongroom.Credential, _ time.Time) (secret.Value, error) {
		c.Type, c.Renewal.ClientID = u.Type, ""
		if u.Name != nil {
			c.Name = strings.TrimSpace(*u.Name)
		}
		return secret.New(bytes.Clone(u.Data.Reveal())), nil
	})
}

// replacement changes what it likes of the credential as it was read, and returns the new
// data.
type replacement func(c *strongroom.Credential, now time.Time) (secret.Value, error)

// change replaces a credential's data. It begins anew where somebody else came in between.
func (s *Service) change(ctx context.Context, caller strongroom.Caller, action policy.Action, id uuid.UUID, replace replacement) (strongroom.Credential, error) {
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialUpdate)
	event.CredentialID = id
	for attempt := 1; ; attempt++ {
		c, err := s.decideOn(ctx, caller, action, id, now)
		if err != nil {
			return strongroom.Credential{}, s.changeFailed(ctx, event, err)
		}
		c, err = s.replace(ctx, caller, c, replace, event, now)
		switch {
		case err == nil:
			s.Observe(event.Action, event.Outcome, "")
			return c, nil
		case errors.Is(err, store.ErrStale) && attempt < updateAttempts:
		default:
			return strongroom.Credential{}, s.changeFailed(ctx, event, err)
		}
	}
}

// replace replaces the data of the credential as it was read, or answers ErrStale.
func (s *Service) replace(ctx context.Context, caller strongroom.Caller, c strongroom.Credential, replace replacement, event strongroom.Event, now time.Time) (strongroom.Credential, error) {
	from := c.Version
	data, err := replace(&c, now)
	if err != nil {
		return c, err
	}
	defer data.Destroy()
	c.Version, c.Status, c.UpdatedAt, c.ModifiedBy = from+1, strongroom.StatusActive, now, caller.ID
	checked, sealed, err := s.checkAndSeal(ctx, c, data)
	if err != nil {
		return c, err
	}
	event.Version, event.Provider = c.Version, c.Provider
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.UpdateCredential(c.OrganizationID, s.begin(&c, checked, sealed, from, now))
	})
	return c, err
}

// begin makes a credential begin anew with its new data: what was found out about the old
// says nothing of the new.
func (s *Service) begin(c *strongroom.Credential, checked catalog.Checked, sealed []byte, from int64, now time.Time) store.CredentialChange {
	s.startRenewal(c, checked, now)
	s.startChecks(c, now)
	c.Rotation.NextAt = nil
	if c.Rotation.MaxAge > 0 {
		due := now.Add(c.Rotation.MaxAge)
		c.Rotation.NextAt = &due
	}
	c.RefreshError, c.LastCheck, c.LastCheckedAt, c.LastRefreshedAt = nil, nil, nil, nil
	return store.CredentialChange{
		ID: c.ID, From: from, Name: c.Name, Type: c.Type, Sealed: sealed, Status: c.Status,
		ModifiedBy: c.ModifiedBy, UpdatedAt: c.UpdatedAt,
		AccountEmail: c.AccountEmail, ExpiresAt: c.ExpiresAt, Scopes: c.Scopes, Renewal: c.Renewal,
		CheckAt: c.Health.NextAt, RotateAt: c.Rotation.NextAt,
	}
}

// Delete implements strongroom.CredentialService. The deletion holds whatever the provider
// says of a revocation: who deletes wants the credential gone.
func (s *Service) Delete(ctx context.Context, caller strongroom.Caller, id uuid.UUID, revoke bool) (strongroom.Revocation, error) {
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialDelete)
	event.CredentialID = id
	c, err := s.decideOn(ctx, caller, policy.DeleteCredential, id, now)
	if err != nil {
		return "", s.changeFailed(ctx, event, err)
	}
	event.Version, event.Provider = c.Version, c.Provider
	deleted := store.SealedCredential{Credential: c}
	if revoke {
		event.Note = "revocation requested"
		if deleted, err = s.Store.SealedCredential(ctx, c.OrganizationID, c.ID); err != nil {
			return "", s.changeFailed(ctx, event, err)
		}
	}
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.DeleteCredential(c.OrganizationID, c.ID, now, caller.ID)
	})
	if err != nil {
		return "", s.changeFailed(ctx, event, err)
	}
	s.Observe(event.Action, event.Outcome, "")
	if !revoke {
		return strongroom.RevocationNone, nil
	}
	return s.revoke(ctx, event, deleted)
}

// Restore brings back a deleted credential: for the operator's command line.
func (s *Service) Restore(ctx context.Context, caller strongroom.Caller, id uuid.UUID) (strongroom.Credential, error) {
	if caller.Kind != strongroom.KindOperator {
		return strongroom.Credential{}, strongroom.Errorf(strongroom.CodeForbidden, "Only the operator's command line restores a credential")
	}
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionCredentialRestore)
	event.CredentialID = id
	var restored strongroom.Credential
	err := s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		var err error
		restored, err = tx.RestoreCredential(caller.OrganizationID, id, now, caller.ID, s.Limits)
		event.Version, event.Provider = restored.Version, restored.Provider
		return []strongroom.Event{event}, err
	})
	if err != nil {
		return strongroom.Credential{}, s.changeFailed(ctx, event, err)
	}
	s.Observe(event.Action, event.Outcome, "")
	return restored, nil
}

// checkAndSeal has the data checked against the schema of the credential's provider and
// type, and seals what the check returns for the credential's version.
func (s *Service) checkAndSeal(ctx context.Context, c strongroom.Credential, data secret.Value) (catalog.Checked, []byte, error) {
	checked, err := s.Catalog.Check(c.Provider, c.Type, data.Reveal())
	if err != nil {
		return catalog.Checked{}, nil, err
	}
	plain := secret.New(checked.Data)
	defer plain.Destroy()
	sealed, err := s.Sealer.Seal(ctx, seal.Binding{OrganizationID: c.OrganizationID, RecordID: c.ID, Version: c.Version}, plain)
	if err != nil {
		return catalog.Checked{}, nil, ExplainSeal(err)
	}
	return checked, sealed, nil
}

// changeFailed says why a change was not made. What the caller sent wrong is answered
// at once; what was refused or broke is recorded first.
func (s *Service) changeFailed(ctx context.Context, event strongroom.Event, err error) error {
	err = store.Explain(err, "Credential")
	switch strongroom.CodeOf(err) {
	case strongroom.CodeValidation, strongroom.CodeInvalidProvider, strongroom.CodeBadRequest:
		return err
	case strongroom.CodeRepositoryUnavailable:
		// The log is where the data is: it cannot be written either.
		s.Observe(event.Action, strongroom.OutcomeFailed, strongroom.CodeRepositoryUnavailable)
		return err
	}
	return s.refuse(ctx, event, err)
}
