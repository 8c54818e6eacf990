package storetest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func (f *fixture) newClient(organization uuid.UUID, provider string) store.OAuthClient {
	f.made++
	return store.OAuthClient{
		OAuthClient: strongroom.OAuthClient{OrganizationID: organization, Provider: provider, ClientID: "client", ModifiedBy: uuid.New(), CreatedAt: at(f.made), UpdatedAt: at(f.made)},
		ID:          uuid.Must(uuid.NewV7()), Version: 1, Sealed: []byte{1, 2, 0, 0xff},
	}
}

func (f *fixture) client(organization uuid.UUID, provider string) store.OAuthClient {
	f.Helper()
	c := f.newClient(organization, provider)
	f.write(func(tx store.Tx) error { return tx.SaveOAuthClient(c) })
	return c
}

func testOAuthClients(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for a client that is not there": func(f *fixture) {
			organization := f.organization()
			_, err := f.OAuthClient(f.Context(), organization, "google")
			f.refused(err, store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.DeleteOAuthClient(organization, "google") }), store.ErrNotFound)
		},
		"ErrStale to save over what was saved meanwhile": func(f *fixture) {
			c := f.client(f.organization(), "google")
			again := f.newClient(c.OrganizationID, "google")
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveOAuthClient(again) }), store.ErrStale)
			again.ID, again.Version = c.ID, 3
			f.refused(f.try(func(tx store.Tx) error { return tx.SaveOAuthClient(again) }), store.ErrStale)
			got, err := f.OAuthClient(f.Context(), c.OrganizationID, "google")
			f.must(err)
			f.equal(got, c)
		},
		"a client is replaced, listed in order and removed": func(f *fixture) {
			c := f.client(f.organization(), "google")
			box := f.client(c.OrganizationID, "box")
			c.Version, c.ClientID, c.Sealed, c.UpdatedAt, c.ModifiedBy = 2, "other", []byte("new"), at(90), uuid.New()
			f.write(func(tx store.Tx) error { return tx.SaveOAuthClient(c) })
			list, err := f.ListOAuthClients(f.Context(), c.OrganizationID)
			f.must(err)
			f.equal(list, []store.OAuthClient{box, c})
			f.write(func(tx store.Tx) error { return tx.DeleteOAuthClient(c.OrganizationID, "google") })
			list, err = f.ListOAuthClients(f.Context(), c.OrganizationID)
			f.must(err)
			f.equal(list, []store.OAuthClient{box})
		},
		"one organization never sees, changes or removes another's client": func(f *fixture) {
			c := f.client(f.organization(), "google")
			for _, other := range []uuid.UUID{f.organization(), uuid.New(), uuid.Nil} {
				_, err := f.OAuthClient(f.Context(), other, "google")
				f.refused(err, store.ErrNotFound)
				list, err := f.ListOAuthClients(f.Context(), other)
				f.must(err)
				f.equal(len(list), 0)
				taken := c
				taken.OrganizationID, taken.Version = other, 2
				f.refused(f.try(func(tx store.Tx) error { return tx.SaveOAuthClient(taken) }), store.ErrStale)
				f.refused(f.try(func(tx store.Tx) error { return tx.DeleteOAuthClient(other, "google") }), store.ErrNotFound)
			}
			got, err := f.OAuthClient(f.Context(), c.OrganizationID, "google")
			f.must(err)
			f.equal(got, c)
		},
	})
}

func (f *fixture) newFlow(organization uuid.UUID, began time.Time) store.OAuthFlow {
	f.made++
	return store.OAuthFlow{
		StateHash: [32]byte{1, byte(f.made >> 8), byte(f.made)}, ID: uuid.Must(uuid.NewV7()), OrganizationID: organization, UserID: uuid.New(),
		Role: strongroom.RoleAppUser, Provider: "google", Type: "google_oauth", Name: "Mail", ClientID: "client",
		RedirectTo: "https://app.example.com/done", CallbackPath: "/api/callback", Scopes: []string{"email"}, BrowserHash: [32]byte{7},
		CreatedAt: began, ExpiresAt: began.Add(10 * time.Minute), Sealed: []byte("sealed"),
	}
}

func (f *fixture) flow(organization uuid.UUID, began time.Time) store.OAuthFlow {
	f.Helper()
	flow := f.newFlow(organization, began)
	f.write(func(tx store.Tx) error { return tx.CreateOAuthFlow(flow, 9) })
	return flow
}

// testOAuthFlows is long: it is a table, whose rows are the cases.
func testOAuthFlows(t *testing.T, create func(t *testing.T) Opener) {
	code := [32]byte{5}
	cases(t, create, map[string]func(f *fixture){
		"ErrNotFound for a state that nobody made": func(f *fixture) {
			organization := f.organization()
			_, err := f.OAuthFlow(f.Context(), [32]byte{9})
			f.refused(err, store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.UseOAuthFlow(organization, [32]byte{9}, code, at(1)) }), store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.EndOAuthFlow(organization, [32]byte{9}, nil) }), store.ErrNotFound)
		},
		"ErrStale to use one twice or after it has expired": func(f *fixture) {
			flow := f.flow(f.organization(), at(1))
			use := func(f2 store.OAuthFlow, at time.Time) error {
				return f.try(func(tx store.Tx) error { return tx.UseOAuthFlow(f2.OrganizationID, f2.StateHash, code, at) })
			}
			f.must(use(flow, at(2)))
			f.refused(use(flow, at(3)), store.ErrStale)
			late := f.flow(flow.OrganizationID, at(1))
			f.refused(use(late, late.ExpiresAt), store.ErrStale)
		},
		"ErrUserLimit for a user with many open, used and expired ones not counted": func(f *fixture) {
			first := f.newFlow(f.organization(), at(1))
			begin := func(began time.Time) error {
				flow := f.newFlow(first.OrganizationID, began)
				flow.UserID = first.UserID
				return f.try(func(tx store.Tx) error { return tx.CreateOAuthFlow(flow, 2) })
			}
			f.write(func(tx store.Tx) error { return tx.CreateOAuthFlow(first, 2) })
			f.must(begin(at(1)))
			f.refused(begin(at(2)), store.ErrUserLimit)
			f.write(func(tx store.Tx) error { return tx.UseOAuthFlow(first.OrganizationID, first.StateHash, code, at(2)) })
			f.must(begin(at(2)))
			f.refused(begin(at(2)), store.ErrUserLimit)
			f.must(begin(at(1).Add(20 * time.Minute)))
			f.flow(first.OrganizationID, at(2))
		},
		"every field reads back, and its use and end are kept": func(f *fixture) {
			flow := f.newFlow(f.organization(), at(1))
			flow.CredentialID = pointer(uuid.New())
			f.write(func(tx store.Tx) error { return tx.CreateOAuthFlow(flow, 9) })
			got, err := f.OAuthFlow(f.Context(), flow.StateHash)
			f.must(err)
			f.equal(got, flow)
			f.write(func(tx store.Tx) error { return tx.UseOAuthFlow(flow.OrganizationID, flow.StateHash, code, at(2)) })
			f.write(func(tx store.Tx) error {
				return tx.EndOAuthFlow(flow.OrganizationID, flow.StateHash, []byte(`{"error":"access_denied"}`))
			})
			flow.UsedAt, flow.CodeHash, flow.Outcome, flow.Sealed = pointer(at(2)), &code, []byte(`{"error":"access_denied"}`), []byte{}
			got, err = f.OAuthFlow(f.Context(), flow.StateHash)
			f.must(err)
			f.equal(got, flow)
		},
		"what ended long ago is forgotten as others begin": func(f *fixture) {
			old := f.flow(f.organization(), at(1))
			f.flow(old.OrganizationID, old.ExpiresAt.Add(time.Hour))
			_, err := f.OAuthFlow(f.Context(), old.StateHash)
			f.must(err)
			f.flow(old.OrganizationID, old.ExpiresAt.Add(time.Hour+time.Second))
			_, err = f.OAuthFlow(f.Context(), old.StateHash)
			f.refused(err, store.ErrNotFound)
		},
		"one organization uses or ends no other's": func(f *fixture) {
			flow := f.flow(f.organization(), at(1))
			other := f.organization()
			f.refused(f.try(func(tx store.Tx) error { return tx.UseOAuthFlow(other, flow.StateHash, code, at(2)) }), store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { return tx.EndOAuthFlow(other, flow.StateHash, nil) }), store.ErrNotFound)
			got, err := f.OAuthFlow(f.Context(), flow.StateHash)
			f.must(err)
			f.equal(got, flow)
		},
	})
}
