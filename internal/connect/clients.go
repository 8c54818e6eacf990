package connect

import (
	"context"
	"errors"
	"strings"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/custody"
	"strongroom/internal/oauth"
	"strongroom/internal/policy"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

// Clients finds OAuth clients: organizations' own in the database, and the operator's.
type Clients struct {
	Store  store.OAuth
	Sealer Sealer
	// Operator are the operator's, by provider.
	Operator map[string]oauth.Client
}

// Client returns the client for a provider: the one with the id issuedTo, or where that is
// empty the organization's own, and else the operator's. The receiver destroys its secret.
// store.ErrNotFound: there is none.
func (c *Clients) Client(ctx context.Context, organization uuid.UUID, provider, issuedTo string) (oauth.Client, error) {
	own, err := c.Store.OAuthClient(ctx, organization, provider)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return oauth.Client{}, err
	}
	if err == nil && (issuedTo == "" || issuedTo == own.ClientID) {
		return c.open(ctx, own)
	}
	operators, ok := c.Operator[provider]
	if !ok || issuedTo != "" && issuedTo != operators.ID {
		return oauth.Client{}, store.ErrNotFound
	}
	return oauth.Client{ID: operators.ID, Secret: operators.Secret.Clone()}, nil
}

func (c *Clients) open(ctx context.Context, own store.OAuthClient) (oauth.Client, error) {
	value, err := c.Sealer.Open(ctx, bindingOf(own), own.Sealed)
	if err != nil {
		return oauth.Client{}, err
	}
	return oauth.Client{ID: own.ClientID, Secret: value}, nil
}

func bindingOf(c store.OAuthClient) seal.Binding {
	return seal.Binding{Purpose: seal.OAuthClient, OrganizationID: c.OrganizationID, RecordID: c.ID, Version: c.Version}
}

// ListClients implements strongroom.OAuthService.
func (s *Service) ListClients(ctx context.Context, caller strongroom.Caller) ([]strongroom.OAuthClient, error) {
	if err := policy.Decide(caller, policy.ManageOAuthClients, nil, s.Clock.Now()); err != nil {
		return nil, err
	}
	stored, err := s.Store.ListOAuthClients(ctx, caller.OrganizationID)
	list := make([]strongroom.OAuthClient, len(stored))
	for i, c := range stored {
		list[i] = c.OAuthClient
	}
	return list, store.Explain(err, "OAuth client")
}

// Bounds of what an organization may store as a client, in bytes.
const (
	maxClientID     = 512
	maxClientSecret = 16 << 10
)

// SetClient implements strongroom.OAuthService.
func (s *Service) SetClient(ctx context.Context, caller strongroom.Caller, n strongroom.NewOAuthClient) (strongroom.OAuthClient, error) {
	defer n.Secret.Destroy()
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionOAuthClientSet)
	provider, err := s.oauthProvider(n.Provider)
	if err == nil {
		event.Provider = provider.Provider
	}
	if refused := policy.Decide(caller, policy.ManageOAuthClients, nil, now); refused != nil {
		return strongroom.OAuthClient{}, s.refuse(ctx, event, refused)
	}
	if err != nil {
		return strongroom.OAuthClient{}, err
	}
	if err := checkClient(n); err != nil {
		return strongroom.OAuthClient{}, err
	}
	saved, err := s.saveClient(ctx, caller, event, provider.Provider, n)
	if err != nil {
		return strongroom.OAuthClient{}, store.Explain(err, "OAuth client")
	}
	s.Observe(event.Action, event.Outcome, "")
	return saved, nil
}

func checkClient(n strongroom.NewOAuthClient) error {
	visible := func(s string) bool {
		return !strings.ContainsFunc(s, func(c rune) bool { return c < ' ' || c > '~' })
	}
	if n.ClientID == "" || len(n.ClientID) > maxClientID || !visible(n.ClientID) {
		return strongroom.Invalid(strongroom.FieldError{Location: []any{"body", "client_id"}, Message: "Must be 1 to 512 printable ASCII characters", Type: "format"})
	}
	if value := n.Secret.Reveal(); len(value) > maxClientSecret || !visible(string(value)) {
		return strongroom.Invalid(strongroom.FieldError{Location: []any{"body", "client_secret"}, Message: "Must be at most 16384 printable ASCII characters", Type: "format"})
	}
	return nil
}

// saveClient inserts the client or replaces the one that is there.
func (s *Service) saveClient(ctx context.Context, caller strongroom.Caller, event strongroom.Event, provider string, n strongroom.NewOAuthClient) (strongroom.OAuthClient, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return strongroom.OAuthClient{}, err
	}
	c := store.OAuthClient{ID: id, Version: 1, OAuthClient: strongroom.OAuthClient{
		OrganizationID: caller.OrganizationID, Provider: provider, ClientID: n.ClientID, ModifiedBy: caller.ID, CreatedAt: event.Time, UpdatedAt: event.Time,
	}}
	switch before, err := s.Store.OAuthClient(ctx, c.OrganizationID, provider); {
	case err == nil:
		c.ID, c.Version, c.CreatedAt = before.ID, before.Version+1, before.CreatedAt
	case !errors.Is(err, store.ErrNotFound):
		return strongroom.OAuthClient{}, err
	}
	if c.Sealed, err = s.Sealer.Seal(ctx, bindingOf(c), n.Secret); err != nil {
		return strongroom.OAuthClient{}, custody.ExplainSeal(err)
	}
	event.Version = c.Version
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		if err := tx.EnsureOrganization(c.OrganizationID, event.Time); err != nil {
			return nil, err
		}
		return []strongroom.Event{event}, tx.SaveOAuthClient(c)
	})
	return c.OAuthClient, err
}

// DeleteClient implements strongroom.OAuthService.
func (s *Service) DeleteClient(ctx context.Context, caller strongroom.Caller, name string) error {
	now := s.Clock.Now()
	event := strongroom.NewEvent(now, caller, strongroom.ActionOAuthClientDelete)
	provider, err := s.oauthProvider(name)
	if err == nil {
		event.Provider = provider.Provider
	}
	if refused := policy.Decide(caller, policy.ManageOAuthClients, nil, now); refused != nil {
		return s.refuse(ctx, event, refused)
	}
	if err != nil {
		return err
	}
	err = s.Audit.Commit(ctx, func(tx store.Tx) ([]strongroom.Event, error) {
		return []strongroom.Event{event}, tx.DeleteOAuthClient(caller.OrganizationID, provider.Provider)
	})
	if errors.Is(err, store.ErrNotFound) {
		return s.refuse(ctx, event, strongroom.NotFound("OAuth client"))
	}
	if err != nil {
		return store.Explain(err, "OAuth client")
	}
	s.Observe(event.Action, event.Outcome, "")
	return nil
}
