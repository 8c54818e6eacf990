package storetest

import (
	"context"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

func testCancellation(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"nothing begins in a context that has ended": func(f *fixture) {
			ctx, cancel := context.WithCancel(f.Context())
			cancel()
			for name, call := range calls(f.Store) {
				f.Run(name, func(t *testing.T) { (&fixture{T: t}).refused(call(ctx), context.Canceled) })
			}
		},
		"nothing is kept where the context ends within the transaction": func(f *fixture) {
			organization := f.organization()
			c := f.newCredential(organization)
			ctx, cancel := context.WithCancel(f.Context())
			f.refused(f.Write(ctx, func(tx store.Tx) error {
				f.must(tx.CreateCredential(c, store.CredentialLimits{}))
				cancel()
				return nil
			}), context.Canceled)
			f.nothing(organization, c.ID)
			f.credential(organization)
		},
		"nothing is kept where the context ends while another holds the row": func(f *fixture) {
			for _, waiting := range []store.Store{f.Store, f.another()} {
				c := f.credential(f.organization())
				ctx, cancel := context.WithCancel(f.Context())
				done := make(chan error, 1)
				f.write(func(tx store.Tx) error {
					_, err := tx.Health(c.OrganizationID, c.ID) // holds the row
					f.must(err)
					f.must(tx.TouchCredential(c.OrganizationID, c.ID, at(800)))
					go func() {
						done <- waiting.Write(ctx, func(tx store.Tx) error {
							return tx.UpdateCredential(c.OrganizationID, change(c))
						})
					}()
					cancel()
					f.refused(<-done, context.Canceled)
					return nil
				})
				c.LastUsedAt = pointer(at(800))
				f.equal(f.sealed(c.OrganizationID, c.ID), c)
			}
		},
		"a view ends with its context": func(f *fixture) {
			c := newChain()
			f.append(c, c.events(uuid.Nil, 3))
			ctx, cancel := context.WithCancel(f.Context())
			f.refused(f.AuditSnapshot(ctx, func(store.AuditView) error { cancel(); return nil }), context.Canceled)
		},
	})
}

// calls are all of the store's methods that take a context, with arguments that would
// make them succeed or answer ErrNotFound.
func calls(s store.Store) map[string]func(ctx context.Context) error {
	id, page := uuid.New(), strongroom.Page{Limit: 1}
	return map[string]func(ctx context.Context) error{
		"Credential":       func(ctx context.Context) error { _, err := s.Credential(ctx, id, id); return err },
		"SealedCredential": func(ctx context.Context) error { _, err := s.SealedCredential(ctx, id, id); return err },
		"ListCredentials": func(ctx context.Context) error {
			_, err := s.ListCredentials(ctx, id, store.CredentialFilter{Page: page})
			return err
		},
		"LocateCredential": func(ctx context.Context) error { _, err := s.LocateCredential(ctx, id); return err },
		"KeyByHash":        func(ctx context.Context) error { _, err := s.KeyByHash(ctx, [32]byte{}); return err },
		"KeyAndCredential": func(ctx context.Context) error {
			_, _, err := s.KeyAndCredential(ctx, [32]byte{}, id)
			return err
		},
		"Account":                func(ctx context.Context) error { _, err := s.Account(ctx, id, id); return err },
		"ListAccounts":           func(ctx context.Context) error { _, err := s.ListAccounts(ctx, id, page); return err },
		"ListAPIKeys":            func(ctx context.Context) error { _, err := s.ListAPIKeys(ctx, id, id, page); return err },
		"Installation":           func(ctx context.Context) error { _, err := s.Installation(ctx); return err },
		"OrganizationKey":        func(ctx context.Context) error { _, err := s.OrganizationKey(ctx, id, 1); return err },
		"CurrentOrganizationKey": func(ctx context.Context) error { _, err := s.CurrentOrganizationKey(ctx, id); return err },
		"SigningKeys":            func(ctx context.Context) error { _, err := s.SigningKeys(ctx); return err },
		"OrganizationKeys":       func(ctx context.Context) error { _, err := s.OrganizationKeys(ctx); return err },
		"Organization":           func(ctx context.Context) error { _, err := s.Organization(ctx, id); return err },
		"Organizations":          func(ctx context.Context) error { _, err := s.Organizations(ctx); return err },
		"CountSealed":            func(ctx context.Context) error { _, err := s.CountSealed(ctx, id); return err },
		"SealedRecords": func(ctx context.Context) error {
			_, err := s.SealedRecords(ctx, id, store.SealedQuery{Kind: store.SealedCredentials, Limit: 1})
			return err
		},
		"Scrub": func(ctx context.Context) error { _, err := s.Scrub(ctx); return err },
		"ListEvents": func(ctx context.Context) error {
			_, err := s.ListEvents(ctx, id, strongroom.EventQuery{Limit: 1})
			return err
		},
		"RenewalState":     func(ctx context.Context) error { _, err := s.RenewalState(ctx, id, id); return err },
		"DueRenewals":      func(ctx context.Context) error { _, err := s.DueRenewals(ctx, at(1)); return err },
		"OAuthClient":      func(ctx context.Context) error { _, err := s.OAuthClient(ctx, id, "google"); return err },
		"ListOAuthClients": func(ctx context.Context) error { _, err := s.ListOAuthClients(ctx, id); return err },
		"OAuthFlow":        func(ctx context.Context) error { _, err := s.OAuthFlow(ctx, [32]byte{}); return err },
		"ListChecks":       func(ctx context.Context) error { _, err := s.ListChecks(ctx, id, id, page); return err },
		"CountHealth":      func(ctx context.Context) error { _, err := s.CountHealth(ctx); return err },
		"Rotation":         func(ctx context.Context) error { _, err := s.Rotation(ctx, id, id); return err },
		"ActiveRotation":   func(ctx context.Context) error { _, err := s.ActiveRotation(ctx, id, id); return err },
		"ListRotations": func(ctx context.Context) error {
			_, err := s.ListRotations(ctx, store.RotationFilter{Page: page})
			return err
		},
		"AuditSnapshot": func(ctx context.Context) error {
			return s.AuditSnapshot(ctx, func(store.AuditView) error { return nil })
		},
		"Write": func(ctx context.Context) error { return s.Write(ctx, func(store.Tx) error { return nil }) },
		"Ready": s.Ready,
	}
}
