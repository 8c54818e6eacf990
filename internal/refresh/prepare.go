package refresh

import (
	"context"
	"encoding/json"
	"errors"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/secret"
)

// request is everything that an exchange needs. It is destroyed when the attempt ends.
type request struct {
	def    catalog.OAuth
	grant  catalog.Grant
	client Client
	// ownClient says that the client came with the data.
	ownClient    bool
	refreshToken secret.Value
	accessToken  secret.Value
	scopes       []string
	// data is the credential's, which the answer is merged into.
	data secret.Value
}

func (r *request) destroy() {
	r.client.Secret.Destroy()
	r.refreshToken.Destroy()
	r.accessToken.Destroy()
	r.data.Destroy()
}

// members are what of a credential's data an exchange needs, beside its variables.
type members struct {
	RefreshToken string `json:"refresh_token"`
	AccessToken  string `json:"access_token"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// prepare makes the request, or the answer that there can be none.
func (s *Service) prepare(ctx context.Context, state store.RenewalState) (*request, *oauth.Answer) {
	data, err := s.Sealer.Open(ctx, seal.Binding{OrganizationID: state.OrganizationID, RecordID: state.ID, Version: state.Version}, state.Sealed)
	if err != nil {
		return nil, &oauth.Answer{Outcome: oauth.Transient, Reason: strongroom.ReasonUnreadable, Cause: err}
	}
	r, failed := s.prepareData(ctx, state, data)
	if r != nil && failed == nil && r.grant == catalog.GrantAuthorizationCode && r.refreshToken.Empty() {
		failed = &oauth.Answer{Outcome: oauth.Dead, Reason: strongroom.ReasonNoRefreshToken}
	}
	return r, failed
}

// prepareData makes the request of the opened data, which it takes over; nil where the
// catalog knows no way to keep such data fresh.
func (s *Service) prepareData(ctx context.Context, state store.RenewalState, data secret.Value) (*request, *oauth.Answer) {
	provider, _ := s.Catalog.Provider(state.Provider)
	grant, ok := provider.GrantOf(state.Type)
	if !ok {
		data.Destroy()
		return nil, misconfigured(strongroom.ReasonClientMissing, errors.New("the catalog has no OAuth definition for this provider and type"))
	}
	r := &request{data: data, grant: grant, scopes: provider.ScopesOf(state.Type)}
	var m members
	var variables map[string]any
	if json.Unmarshal(data.Reveal(), &m) != nil || json.Unmarshal(data.Reveal(), &variables) != nil {
		return r, &oauth.Answer{Outcome: oauth.Transient, Reason: strongroom.ReasonUnreadable, Cause: errors.New("the data is no JSON object of the expected form")}
	}
	r.refreshToken, r.accessToken = secret.New([]byte(m.RefreshToken)), secret.New([]byte(m.AccessToken))
	r.ownClient = m.ClientID != ""
	var err error
	if r.client, err = s.client(ctx, state, m); err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return r, misconfigured(strongroom.ReasonClientMissing, err)
		}
		return r, &oauth.Answer{Outcome: oauth.Transient, Reason: strongroom.ReasonUnreadable, Cause: err}
	}
	return r, s.locate(ctx, r, *provider.OAuth, variables)
}

// locate finds the provider's endpoints.
func (s *Service) locate(ctx context.Context, r *request, def catalog.OAuth, data map[string]any) *oauth.Answer {
	filled, err := oauth.Fill(def, oauth.Variables(def, data))
	if err != nil {
		return misconfigured(strongroom.ReasonClientRejected, err)
	}
	ctx, cancel := context.WithTimeout(ctx, s.Timeout)
	defer cancel()
	if r.def, err = s.Endpoint.Resolve(ctx, filled); err == nil {
		return nil
	}
	reason := strongroom.ReasonUnreachable
	var known *endpoint.Error
	if errors.As(err, &known) {
		reason = known.Reason
	}
	return &oauth.Answer{Outcome: oauth.Transient, Reason: reason, Cause: err}
}

// client chooses who asks: the client that came with the tokens, then the one they were
// issued to, then the organization's own, then the operator's.
func (s *Service) client(ctx context.Context, state store.RenewalState, m members) (Client, error) {
	if m.ClientID != "" {
		return Client{ID: m.ClientID, Secret: secret.New([]byte(m.ClientSecret))}, nil
	}
	return s.Clients.Client(ctx, state.OrganizationID, state.Provider, state.Renewal.ClientID)
}

func misconfigured(reason strongroom.StatusReason, cause error) *oauth.Answer {
	return &oauth.Answer{Outcome: oauth.Misconfigured, Reason: reason, Cause: cause}
}
