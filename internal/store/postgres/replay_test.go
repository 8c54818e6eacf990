package postgres_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// crossed has two transactions hold a row each and then ask for the other's, which PostgreSQL
// ends by taking one of them back. then is what each does once it holds both.
func crossed(t *testing.T, then func(tx store.Tx, own, other store.SealedCredential) error) (db *postgres.DB, runs [2]int, errs [2]error) {
	t.Helper()
	cluster := postgrestest.New(t)
	db = open(t, postgres.Options{URL: cluster.Database(t).URL})
	organization := uuid.New()
	pair := [2]store.SealedCredential{newCredential(organization), newCredential(organization)}
	write(t, db, func(tx store.Tx) error {
		return errors.Join(tx.EnsureOrganization(organization, moment), tx.CreateCredential(pair[0], store.CredentialLimits{}), tx.CreateCredential(pair[1], store.CredentialLimits{}))
	})
	held := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	done := make(chan struct{})
	for i := range pair {
		go func() {
			defer func() { done <- struct{}{} }()
			own, other := pair[i], pair[1-i]
			errs[i] = db.Write(t.Context(), func(tx store.Tx) error {
				runs[i]++
				if _, err := tx.Health(organization, own.ID); err != nil {
					return err
				}
				close(held[i])
				<-held[1-i]
				if _, err := tx.Health(organization, other.ID); err != nil {
					return err
				}
				return then(tx, own, other)
			})
		}()
	}
	<-done
	<-done
	return db, runs, errs
}

func TestATransactionThatWasTakenBackIsPlayedAgain(t *testing.T) {
	_, runs, errs := crossed(t, func(tx store.Tx, own, _ store.SealedCredential) error {
		return tx.TouchCredential(own.OrganizationID, own.ID, moment)
	})
	if errs != [2]error{} {
		t.Errorf("they ended with %v", errs)
	}
	if runs != [2]int{1, 1} {
		t.Errorf("their functions ran %v times", runs)
	}
}

func TestAReplayThatIsAnsweredOtherwiseIsGivenUp(t *testing.T) {
	_, runs, errs := crossed(t, func(tx store.Tx, _, other store.SealedCredential) error {
		return tx.SetHealth(other.OrganizationID, other.ID, 1, strongroom.Health{State: strongroom.HealthOK})
	})
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("they ended with %v; one has changed what the other had read", errs)
	}
	if err := errors.Join(errs[:]...); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("the one that was given up answers %v", err)
	}
	if runs != [2]int{1, 1} {
		t.Errorf("their functions ran %v times", runs)
	}
}

// TestARefusalByTheDatabaseIsNotForgotten: a function that goes on after an error must not
// be told that all was kept.
func TestARefusalByTheDatabaseIsNotForgotten(t *testing.T) {
	cluster := postgrestest.New(t)
	db := open(t, postgres.Options{URL: cluster.Database(t).URL})
	organization, _ := furnish(t, db)
	c := newCredential(organization)
	write(t, db, func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
	err := db.Write(t.Context(), func(tx store.Tx) error {
		_ = tx.CreateCredential(c, store.CredentialLimits{})
		return nil
	})
	if !errors.Is(err, store.ErrDuplicate) {
		t.Errorf("it answers %v", err)
	}
}

// TestACancelledWriterFreesItsConnection: whoever waits for a lock, and gives up, leaves
// nothing behind.
func TestACancelledWriterFreesItsConnection(t *testing.T) {
	cluster := postgrestest.New(t)
	db := open(t, postgres.Options{URL: cluster.Database(t).URL + "&pool_max_conns=2"})
	organization, _ := furnish(t, db)
	c := newCredential(organization)
	write(t, db, func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
	write(t, db, func(tx store.Tx) error {
		if _, err := tx.Health(organization, c.ID); err != nil {
			return err
		}
		for range 5 {
			ctx, cancel := context.WithCancel(t.Context())
			waiting := make(chan error, 1)
			go func() {
				waiting <- db.Write(ctx, func(tx store.Tx) error {
					cancel()
					_, err := tx.Health(organization, c.ID)
					return err
				})
			}()
			if err := <-waiting; !errors.Is(err, context.Canceled) {
				t.Errorf("it answers %v", err)
			}
		}
		return nil
	})
}
