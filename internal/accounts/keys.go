package accounts

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/identity"
	"strongroom/internal/policy"
	"strongroom/internal/store"
)

// CreateKey implements strongroom.ServiceAccountService.
func (s *Service) CreateKey(ctx context.Context, caller strongroom.Caller, account uuid.UUID, n strongroom.NewAPIKey) (strongroom.IssuedAPIKey, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionKeyCreate)
	event.AccountID = account
	a, err := s.manageable(ctx, caller, account, event)
	if err != nil {
		return strongroom.IssuedAPIKey{}, err
	}
	if !mayExpire(n.ExpiresAt, event.Time) {
		return strongroom.IssuedAPIKey{}, strongroom.Invalid(strongroom.FieldError{
			Location: []any{"body", "expires_at"}, Message: messageExpiry, Type: "value"})
	}
	id, err := uuid.NewV7()
	if err != nil {
		return strongroom.IssuedAPIKey{}, strongroom.Errorf(strongroom.CodeInternal, "No id could be made").Because(err)
	}
	token, prefix, hash, err := identity.NewAPIKey(a.OrganizationID, a.ID)
	if err != nil {
		return strongroom.IssuedAPIKey{}, strongroom.Errorf(strongroom.CodeInternal, "No key could be made").Because(err)
	}
	key := strongroom.APIKey{
		ID: id, ServiceAccountID: a.ID, OrganizationID: a.OrganizationID, Name: strings.TrimSpace(n.Name), Description: n.Description,
		TokenPrefix: prefix, ModifiedBy: caller.ID, CreatedAt: event.Time, UpdatedAt: event.Time, ExpiresAt: timestamp(n.ExpiresAt),
	}
	if caller.Kind == strongroom.KindUser {
		user := caller.ID
		key.UserID = &user
	}
	event.TargetKeyID = key.ID
	if err := s.commit(ctx, event, func(tx store.Tx) error { return tx.CreateAPIKey(key, hash) }); err != nil {
		token.Destroy()
		return strongroom.IssuedAPIKey{}, err
	}
	return strongroom.IssuedAPIKey{APIKey: key, Token: token}, nil
}

// ListKeys implements strongroom.ServiceAccountService.
func (s *Service) ListKeys(ctx context.Context, caller strongroom.Caller, account uuid.UUID, page strongroom.Page) ([]strongroom.APIKey, error) {
	if err := policy.Decide(caller, policy.ViewAccounts, nil, s.Clock.Now()); err != nil {
		return nil, err
	}
	a, err := s.Store.Account(ctx, caller.OrganizationID, account)
	if err != nil {
		return nil, store.Explain(err, "Service account")
	}
	if a.System() && caller.Kind != strongroom.KindOperator {
		return nil, errOperatorOnly()
	}
	list, err := s.Store.ListAPIKeys(ctx, caller.OrganizationID, account, page)
	return list, store.Explain(err, "Service account")
}

// UpdateKey implements strongroom.ServiceAccountService.
func (s *Service) UpdateKey(ctx context.Context, caller strongroom.Caller, account, key uuid.UUID, u strongroom.APIKeyUpdate) (strongroom.APIKey, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionKeyUpdate)
	event.AccountID, event.TargetKeyID = account, key
	a, err := s.manageable(ctx, caller, account, event)
	if err != nil {
		return strongroom.APIKey{}, err
	}
	var changed strongroom.APIKey
	err = s.commit(ctx, event, func(tx store.Tx) error {
		var err error
		if changed, err = tx.APIKey(a.OrganizationID, account, key); err != nil {
			return err
		}
		if u.Name != nil {
			changed.Name = strings.TrimSpace(*u.Name)
		}
		if u.Description != nil {
			changed.Description = u.Description
		}
		changed.ModifiedBy, changed.UpdatedAt = caller.ID, event.Time
		return tx.SaveAPIKey(changed)
	})
	return changed, err
}

// DeleteKey implements strongroom.ServiceAccountService.
func (s *Service) DeleteKey(ctx context.Context, caller strongroom.Caller, account, key uuid.UUID) error {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionKeyDelete)
	event.AccountID, event.TargetKeyID = account, key
	a, err := s.manageable(ctx, caller, account, event)
	if err != nil {
		return err
	}
	return s.commit(ctx, event, func(tx store.Tx) error { return tx.DeleteAPIKey(a.OrganizationID, account, key) })
}

func timestamp(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	cut := strongroom.Timestamp(*t)
	return &cut
}
