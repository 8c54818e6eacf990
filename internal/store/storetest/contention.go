package storetest

import (
	"errors"
	"sync"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

const contenders = 8

// testContention is long: it is a table, whose rows are the cases.
func testContention(t *testing.T, create func(t *testing.T) Opener) {
	cases(t, create, map[string]func(f *fixture){
		"each version of a credential is won once": func(f *fixture) {
			const versions = 10
			c := f.credential(f.organization())
			stores := []store.Store{f.Store, f.another()}
			var mu sync.Mutex
			winners := map[int64]int{}
			var group sync.WaitGroup
			for i := range contenders {
				group.Go(func() {
					for version := int64(1); version <= versions; version++ {
						by := change(c)
						by.From = version
						err := stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) error {
							return tx.UpdateCredential(c.OrganizationID, by)
						})
						mu.Lock()
						switch {
						case err == nil:
							winners[version]++
						case !errors.Is(err, store.ErrStale):
							f.Errorf("update: %v", err)
						}
						mu.Unlock()
					}
				})
			}
			group.Wait()
			for version := int64(1); version <= versions; version++ {
				f.equal(winners[version], 1)
			}
			f.equal(f.sealed(c.OrganizationID, c.ID).Version, int64(versions+1))
		},
		"uses that are noted meanwhile take nothing from a change": func(f *fixture) {
			const versions = 30
			c := f.credential(f.organization())
			organization, id := c.OrganizationID, c.ID
			done := make(chan struct{})
			var group sync.WaitGroup
			for _, s := range []store.Store{f.Store, f.another()} {
				group.Go(func() { f.use(s, organization, id, done) })
			}
			for range versions {
				by := change(c)
				f.write(func(tx store.Tx) error { return tx.UpdateCredential(organization, by) })
				c = changed(c, by)
			}
			close(done)
			group.Wait()
			f.write(func(tx store.Tx) error { return tx.TouchCredential(organization, id, at(1_000_000)) })
			c.LastUsedAt = pointer(at(1_000_000))
			f.equal(f.sealed(organization, id), c)
		},
		"one name is given once": func(f *fixture) {
			organization := f.organization()
			errs := make([]error, contenders)
			var group sync.WaitGroup
			for i := range contenders {
				a := f.newAccount(&organization)
				a.Name = "the one"
				group.Go(func() { errs[i] = f.try(func(tx store.Tx) error { return tx.CreateAccount(a) }) })
			}
			group.Wait()
			made := 0
			for _, err := range errs {
				if err == nil {
					made++
					continue
				}
				f.refused(err, store.ErrDuplicate)
			}
			f.equal(made, 1)
		},
		"many writers all get through": func(f *fixture) {
			const each = 10
			organization := f.organization()
			stores := []store.Store{f.Store, f.another(), f.another()}
			var group sync.WaitGroup
			for i := range contenders {
				var credentials []store.SealedCredential
				for range each {
					credentials = append(credentials, f.newCredential(organization))
				}
				group.Go(func() {
					for _, c := range credentials {
						err := stores[i%len(stores)].Write(f.Context(), func(tx store.Tx) error {
							return tx.CreateCredential(c, store.CredentialLimits{})
						})
						if err != nil {
							f.Errorf("create: %v", err)
						}
					}
				})
			}
			group.Wait()
			all, err := f.ListCredentials(f.Context(), organization, store.CredentialFilter{Page: allOfThem})
			f.must(err)
			f.equal(len(all), contenders*each)
		},
		"a reader never sees half a transaction": func(f *fixture) {
			const rounds = 20
			organization := f.organization()
			pair := []store.SealedCredential{f.credential(organization), f.credential(organization)}
			done := make(chan struct{})
			var group sync.WaitGroup
			for range contenders {
				group.Go(func() { readPairs(f, organization, done) })
			}
			for version := int64(1); version <= rounds; version++ {
				f.write(func(tx store.Tx) error {
					for _, c := range pair {
						by := change(c)
						by.From = version
						if err := tx.UpdateCredential(organization, by); err != nil {
							return err
						}
					}
					return nil
				})
			}
			close(done)
			group.Wait()
		},
	})
}

// use notes one use of the credential after the other until done.
func (f *fixture) use(s store.Store, organization, id uuid.UUID, done <-chan struct{}) {
	for n := 1_000; ; n++ {
		err := s.Write(f.Context(), func(tx store.Tx) error { return tx.TouchCredential(organization, id, at(n)) })
		if err != nil {
			f.Errorf("note a use: %v", err)
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// readPairs lists until done and checks that both of the organization's credentials
// are of one version.
func readPairs(f *fixture, organization uuid.UUID, done <-chan struct{}) {
	for {
		list, err := f.ListCredentials(f.Context(), organization, store.CredentialFilter{Page: allOfThem})
		if err != nil || len(list) != 2 || list[0].Version != list[1].Version {
			f.Errorf("list: %+v, %v", list, err)
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
}
