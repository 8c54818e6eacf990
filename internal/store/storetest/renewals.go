package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// renewable gives a credential a renewal that is due at the moment.
func renewable(due time.Time) func(c *store.SealedCredential) {
	return func(c *store.SealedCredential) {
		c.Provider, c.Type, c.ExpiresAt = "google", "oauth2", pointer(due.Add(time.Hour))
		c.Renewal = strongroom.Renewal{StaleAt: pointer(due.Add(30 * time.Minute)), NextAt: &due, ClientID: "client-1"}
	}
}

// state reads a renewal's state that must be there.
func (f *fixture) state(c store.SealedCredential) store.RenewalState {
	f.Helper()
	s, err := f.RenewalState(f.Context(), c.OrganizationID, c.ID)
	f.must(err)
	return s
}

func leaseOf(s store.RenewalState, now time.Time) store.RenewalLease {
	return store.RenewalLease{ID: s.ID, Version: s.Version, Fence: s.Fence, Now: now, Until: now.Add(time.Minute)}
}

// lease takes a lease that must be free and returns its fence.
func (f *fixture) lease(c store.SealedCredential, now time.Time) (fence int64) {
	f.Helper()
	s := f.state(c)
	f.write(func(tx store.Tx) (err error) {
		fence, err = tx.LeaseRenewal(c.OrganizationID, leaseOf(s, now))
		return err
	})
	return fence
}

// renewed is the end of a renewal that went well.
func renewed(c store.SealedCredential, fence int64) store.RenewalEnd {
	return store.RenewalEnd{
		ID: c.ID, Version: c.Version, Fence: fence, Status: strongroom.StatusActive,
		Renewal: strongroom.Renewal{StaleAt: pointer(at(600)), NextAt: pointer(at(601)), ClientID: "client-2"},
		Renewed: &store.RenewedData{Sealed: []byte("renewed"), ExpiresAt: pointer(at(602)), Scopes: []string{"a"}, At: at(603)},
	}
}

// failed is the end of a renewal that did not.
func failed(c store.SealedCredential, fence int64) store.RenewalEnd {
	return store.RenewalEnd{
		ID: c.ID, Version: c.Version, Fence: fence, Status: strongroom.StatusRefreshFailing, RefreshError: pointer("The provider cannot be reached"),
		Renewal: strongroom.Renewal{StaleAt: c.Renewal.StaleAt, NextAt: pointer(at(700)), Failures: 3, Since: pointer(at(701)), Reason: strongroom.ReasonUnreachable},
	}
}

// testRenewals is long: it is a table, whose rows are the cases.
func testRenewals(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"ErrStale to lease what somebody holds, until the lease has ended": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			f.lease(c, at(10))
			held := f.state(c)
			f.equal(held.LeasedUntil, pointer(at(10).Add(time.Minute)))
			take := func(now time.Time) error {
				return f.try(func(tx store.Tx) error { _, err := tx.LeaseRenewal(c.OrganizationID, leaseOf(held, now)); return err })
			}
			f.refused(take(at(11)), store.ErrStale)
			f.refused(take(held.LeasedUntil.Add(-time.Microsecond)), store.ErrStale)
			f.must(take(*held.LeasedUntil))
			f.equal(f.state(c).Fence, held.Fence+1)
		},
		"ErrStale to lease on what was read before another's attempt or change": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			before := f.state(c)
			fence := f.lease(c, at(10))
			f.write(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, failed(c, fence)) })
			f.refused(f.try(func(tx store.Tx) error {
				_, err := tx.LeaseRenewal(c.OrganizationID, leaseOf(before, at(11)))
				return err
			}), store.ErrStale)
			now := f.state(c)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, change(c)) })
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.LeaseRenewal(c.OrganizationID, leaseOf(now, at(12))); return err }), store.ErrStale)
		},
		"ErrStale to end an attempt whose lease went to another, and nothing changes": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			first := f.lease(c, at(10))
			second := f.lease(c, at(200))
			before := f.state(c)
			f.refused(f.try(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, renewed(c, first)) }), store.ErrStale)
			f.equal(f.state(c), before)
			f.must(f.try(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, renewed(c, second)) }))
			f.refused(f.try(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, renewed(c, second)) }), store.ErrStale)
		},
		"ErrStale to end an attempt on data that was replaced meanwhile": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			fence := f.lease(c, at(10))
			by := change(c)
			f.write(func(tx store.Tx) error { return tx.UpdateCredential(c.OrganizationID, by) })
			f.refused(f.try(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, renewed(c, fence)) }), store.ErrStale)
			f.equal(f.sealed(c.OrganizationID, c.ID), changed(c, by))
			f.equal(f.state(c).LeasedUntil, (*time.Time)(nil))
		},
		"ErrNotFound to lease or to look at what is deleted or was never there": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			s := f.state(c)
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(c.OrganizationID, c.ID, at(2), uuid.New()) })
			_, err := f.RenewalState(f.Context(), c.OrganizationID, c.ID)
			f.refused(err, store.ErrNotFound)
			f.refused(f.try(func(tx store.Tx) error { _, err := tx.LeaseRenewal(c.OrganizationID, leaseOf(s, at(3))); return err }), store.ErrNotFound)
			missing := renewed(c, 1)
			missing.ID = uuid.New()
			f.refused(f.try(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, missing) }), store.ErrNotFound)
		},
		"a renewal replaces the data at the next version and ends the lease": func(f *fixture) {
			c := f.credential(f.organization(), full, renewable(at(1)))
			end := renewed(c, f.lease(c, at(10)))
			f.write(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, end) })
			c.Version, c.Sealed, c.Status, c.Renewal = 2, end.Renewed.Sealed, end.Status, end.Renewal
			c.ExpiresAt, c.Scopes, c.LastRefreshedAt, c.RefreshError = end.Renewed.ExpiresAt, end.Renewed.Scopes, &end.Renewed.At, nil
			f.equal(f.state(c), store.RenewalState{SealedCredential: c, Fence: 1})
		},
		"a failure keeps the data and says what is wrong": func(f *fixture) {
			c := f.credential(f.organization(), full, renewable(at(1)))
			end := failed(c, f.lease(c, at(10)))
			f.write(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, end) })
			c.Status, c.Renewal, c.RefreshError = end.Status, end.Renewal, end.RefreshError
			f.equal(f.state(c), store.RenewalState{SealedCredential: c, Fence: 1})
		},
		"a lease over an attempt that never ended puts the credential in doubt at once": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			f.lease(c, at(10))
			l := leaseOf(f.state(c), at(200))
			l.Uncertain = &strongroom.Renewal{Since: pointer(at(200)), Reason: strongroom.ReasonAnswerLost}
			f.write(func(tx store.Tx) error { _, err := tx.LeaseRenewal(c.OrganizationID, l); return err })
			c.Status, c.Renewal.Since, c.Renewal.Reason = strongroom.StatusUncertain, l.Uncertain.Since, l.Uncertain.Reason
			f.equal(f.sealed(c.OrganizationID, c.ID), c)
		},
		"a token that comes after the deletion is kept, for who restores the credential": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			fence := f.lease(c, at(10))
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(c.OrganizationID, c.ID, at(11), uuid.New()) })
			f.write(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, renewed(c, fence)) })
			f.write(func(tx store.Tx) error {
				_, err := tx.RestoreCredential(c.OrganizationID, c.ID, at(12), uuid.New(), store.CredentialLimits{})
				return err
			})
			f.equal(f.sealed(c.OrganizationID, c.ID).Sealed, []byte("renewed"))
		},
		"one of many contenders gets each lease": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			stores := []store.Store{f.Store, f.another()}
			s := f.state(c)
			won := make(chan int64, contenders)
			var group sync.WaitGroup
			for i := range contenders {
				group.Go(func() {
					var fence int64
					err := stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) (err error) {
						fence, err = tx.LeaseRenewal(c.OrganizationID, leaseOf(s, at(10)))
						return err
					})
					if err == nil {
						won <- fence
					} else if !errors.Is(err, store.ErrStale) {
						f.Errorf("lease: %v", err)
					}
				})
			}
			group.Wait()
			f.equal(len(won), 1)
			f.equal(<-won, s.Fence+1)
		},
	})
}

func testDueRenewals(t *testing.T, create func(t *testing.T) Opener) {
	claim := func(f *fixture, now time.Time, provider string, limit int) (due []store.DueRenewal) {
		f.Helper()
		f.write(func(tx store.Tx) (err error) {
			due, err = tx.ClaimRenewals(now, now.Add(time.Hour), provider, limit)
			return err
		})
		return due
	}
	named := func(cs ...store.SealedCredential) (due []store.DueRenewal) {
		for _, c := range cs {
			due = append(due, store.DueRenewal{OrganizationID: c.OrganizationID, ID: c.ID, Provider: c.Provider})
		}
		return due
	}
	cases(t, create, map[string]func(f *fixture){
		"nothing is claimed that is not due, deleted, another provider's, or never due": func(f *fixture) {
			organization := f.organization()
			f.credential(organization)
			f.credential(organization, renewable(at(2)))
			f.credential(organization, renewable(at(1)), func(c *store.SealedCredential) { c.Provider = "slack" })
			deleted := f.credential(organization, renewable(at(1)))
			f.write(func(tx store.Tx) error { return tx.DeleteCredential(organization, deleted.ID, at(1), uuid.New()) })
			f.equal(claim(f, at(1), "google", 10), named())
		},
		"the providers are those of what is due, each once and in order, claimed or not": func(f *fixture) {
			at1 := func(provider string) func(*store.SealedCredential) {
				return func(c *store.SealedCredential) { renewable(at(1))(c); c.Provider = provider }
			}
			due := func(now time.Time) []string {
				f.Helper()
				providers, err := f.DueRenewals(f.Context(), now)
				f.must(err)
				return providers
			}
			f.equal(len(due(at(1))), 0)
			f.credential(f.organization(), at1("slack"))
			f.credential(f.organization(), at1("google"))
			f.credential(f.organization(), at1("google"))
			f.credential(f.organization(), renewable(at(2)), func(c *store.SealedCredential) { c.Provider = "hubspot" })
			f.remove(f.credential(f.organization(), at1("asana")))
			f.credential(f.organization(), func(c *store.SealedCredential) { c.Provider = "box" })
			f.equal(len(claim(f, at(1), "slack", 10)), 1)
			f.equal(due(at(1)), []string{"google", "slack"})
			f.equal(due(at(2)), []string{"google", "hubspot", "slack"})
		},
		"the longest due come first, of every organization, no more than asked for, and once": func(f *fixture) {
			third, first, second := f.credential(f.organization(), renewable(at(3))), f.credential(f.organization(), renewable(at(1))), f.credential(f.organization(), renewable(at(2)))
			f.equal(claim(f, at(3), "google", 2), named(first, second))
			f.equal(claim(f, at(3), "google", 2), named(third))
			f.equal(claim(f, at(3), "google", 2), named())
			f.equal(len(claim(f, at(3).Add(time.Hour), "google", 9)), 3)
		},
		"what is claimed stays due, and is free again when an attempt has ended": func(f *fixture) {
			c := f.credential(f.organization(), renewable(at(1)))
			f.equal(claim(f, at(2), "google", 9), named(c))
			f.equal(f.state(c).Renewal, c.Renewal)
			end := failed(c, f.lease(c, at(3)))
			f.write(func(tx store.Tx) error { return tx.EndRenewal(c.OrganizationID, end) })
			f.equal(claim(f, end.Renewal.NextAt.Add(-time.Microsecond), "google", 9), named())
			f.equal(claim(f, *end.Renewal.NextAt, "google", 9), named(c))
		},
	})
}
