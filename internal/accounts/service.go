package accounts

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/policy"
	"strongroom/internal/store"
)

// Options is what a Service is made of. All but Observe are required.
type Options struct {
	Store store.Accounts
	Audit audit.Recorder
	// Catalog knows the providers that a grant may name.
	Catalog *catalog.Catalog
	Clock   strongroom.Clock
	// Observe is told how each recorded act ended, for metrics; nil: nobody is.
	Observe func(action strongroom.Action, outcome strongroom.Outcome, code strongroom.Code)
}

// Service implements strongroom.ServiceAccountService.
type Service struct {
	Options
}

var _ strongroom.ServiceAccountService = (*Service)(nil)

// New returns the authority over the accounts in o.Store.
func New(o Options) *Service {
	if o.Observe == nil {
		o.Observe = func(strongroom.Action, strongroom.Outcome, strongroom.Code) {}
	}
	return &Service{Options: o}
}

// Create implements strongroom.ServiceAccountService.
func (s *Service) Create(ctx context.Context, caller strongroom.Caller, n strongroom.NewServiceAccount) (strongroom.ServiceAccount, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionAccountCreate)
	if err := s.mayManage(ctx, caller, event); err != nil {
		return strongroom.ServiceAccount{}, err
	}
	if n.System && caller.Kind != strongroom.KindOperator {
		return strongroom.ServiceAccount{}, s.refuse(ctx, event, errOperatorOnly())
	}
	if !n.System && caller.OrganizationID == uuid.Nil {
		return strongroom.ServiceAccount{}, strongroom.Errorf(strongroom.CodeBadRequest, "Name the organization the account belongs to, or ask for a system account")
	}
	grants, err := s.checkGrants(n.Grants, event.Time)
	if err != nil {
		return strongroom.ServiceAccount{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return strongroom.ServiceAccount{}, strongroom.Errorf(strongroom.CodeInternal, "No id could be made").Because(err)
	}
	a := strongroom.ServiceAccount{
		ID: id, Name: strings.TrimSpace(n.Name), Description: n.Description, Status: strongroom.ServiceAccountActive,
		Grants: grants, ModifiedBy: caller.ID, CreatedAt: event.Time, UpdatedAt: event.Time,
	}
	if !n.System {
		organization := caller.OrganizationID
		a.OrganizationID = &organization
	}
	event.AccountID = a.ID
	return a, s.commit(ctx, event, func(tx store.Tx) error {
		if a.OrganizationID != nil {
			if err := tx.EnsureOrganization(*a.OrganizationID, event.Time); err != nil {
				return err
			}
		}
		return tx.CreateAccount(a)
	})
}

// List implements strongroom.ServiceAccountService.
func (s *Service) List(ctx context.Context, caller strongroom.Caller, page strongroom.Page) ([]strongroom.ServiceAccount, error) {
	if err := policy.Decide(caller, policy.ViewAccounts, nil, s.Clock.Now()); err != nil {
		return nil, err
	}
	list, err := s.Store.ListAccounts(ctx, caller.OrganizationID, page)
	return list, store.Explain(err, "Service account")
}

// Get implements strongroom.ServiceAccountService.
func (s *Service) Get(ctx context.Context, caller strongroom.Caller, id uuid.UUID) (strongroom.ServiceAccount, error) {
	if err := policy.Decide(caller, policy.ViewAccounts, nil, s.Clock.Now()); err != nil {
		return strongroom.ServiceAccount{}, err
	}
	a, err := s.Store.Account(ctx, caller.OrganizationID, id)
	return a, store.Explain(err, "Service account")
}

// Update implements strongroom.ServiceAccountService.
func (s *Service) Update(ctx context.Context, caller strongroom.Caller, id uuid.UUID, u strongroom.ServiceAccountUpdate) (strongroom.ServiceAccount, error) {
	return s.change(ctx, caller, id, strongroom.ActionAccountUpdate, func(a *strongroom.ServiceAccount) {
		if u.Name != nil {
			a.Name = strings.TrimSpace(*u.Name)
		}
		if u.Description != nil {
			a.Description = u.Description
		}
	})
}

// SetStatus implements strongroom.ServiceAccountService.
func (s *Service) SetStatus(ctx context.Context, caller strongroom.Caller, id uuid.UUID, status strongroom.ServiceAccountStatus) (strongroom.ServiceAccount, error) {
	action := strongroom.ActionAccountActivate
	if status == strongroom.ServiceAccountInactive {
		action = strongroom.ActionAccountDeactivate
	}
	return s.change(ctx, caller, id, action, func(a *strongroom.ServiceAccount) { a.Status = status })
}

// SetGrants implements strongroom.ServiceAccountService.
func (s *Service) SetGrants(ctx context.Context, caller strongroom.Caller, id uuid.UUID, grants []strongroom.Grant) (strongroom.ServiceAccount, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionAccountGrants)
	if err := s.mayManage(ctx, caller, event); err != nil {
		return strongroom.ServiceAccount{}, err
	}
	grants, err := s.checkGrants(grants, event.Time)
	if err != nil {
		return strongroom.ServiceAccount{}, err
	}
	return s.change(ctx, caller, id, strongroom.ActionAccountGrants, func(a *strongroom.ServiceAccount) { a.Grants = grants })
}

// Delete implements strongroom.ServiceAccountService.
func (s *Service) Delete(ctx context.Context, caller strongroom.Caller, id uuid.UUID) error {
	event := strongroom.NewEvent(s.Clock.Now(), caller, strongroom.ActionAccountDelete)
	event.AccountID = id
	a, err := s.manageable(ctx, caller, id, event)
	if err != nil {
		return err
	}
	return s.commit(ctx, event, func(tx store.Tx) error { return tx.DeleteAccount(a.OrganizationID, id) })
}

// change loads an account the caller may manage, lets edit change it, and saves it with
// its event. It reads inside the transaction, so that two changes never undo each other.
func (s *Service) change(ctx context.Context, caller strongroom.Caller, id uuid.UUID, action strongroom.Action, edit func(*strongroom.ServiceAccount)) (strongroom.ServiceAccount, error) {
	event := strongroom.NewEvent(s.Clock.Now(), caller, action)
	event.AccountID = id
	if _, err := s.manageable(ctx, caller, id, event); err != nil {
		return strongroom.ServiceAccount{}, err
	}
	var changed strongroom.ServiceAccount
	err := s.commit(ctx, event, func(tx store.Tx) error {
		var err error
		if changed, err = tx.Account(caller.OrganizationID, id); err != nil {
			return err
		}
		edit(&changed)
		changed.ModifiedBy, changed.UpdatedAt = caller.ID, event.Time
		return tx.SaveAccount(changed)
	})
	return changed, err
}

// mayManage asks policy, and records a refusal.
func (s *Service) mayManage(ctx context.Context, caller strongroom.Caller, event strongroom.Event) error {
	if err := policy.Decide(caller, policy.ManageAccounts, nil, event.Time); err != nil {
		return s.refuse(ctx, event, err)
	}
	return nil
}

// manageable returns the account where the caller may manage it; a refusal is recorded.
func (s *Service) manageable(ctx context.Context, caller strongroom.Caller, id uuid.UUID, event strongroom.Event) (strongroom.ServiceAccount, error) {
	if err := s.mayManage(ctx, caller, event); err != nil {
		return strongroom.ServiceAccount{}, err
	}
	a, err := s.Store.Account(ctx, caller.OrganizationID, id)
	if err != nil {
		return strongroom.ServiceAccount{}, s.refuse(ctx, event, store.Explain(err, "Service account"))
	}
	if a.System() && caller.Kind != strongroom.KindOperator {
		return strongroom.ServiceAccount{}, s.refuse(ctx, event, errOperatorOnly())
	}
	return a, nil
}

func errOperatorOnly() error {
	return strongroom.Errorf(strongroom.CodeForbidden, "System service accounts are managed on the operator's command line only")
}
