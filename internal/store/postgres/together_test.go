package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// tenants are organizations with a key and a credential each.
type tenants struct {
	hashes [][32]byte
	ids    []uuid.UUID
}

func newTenants(t *testing.T, db store.Store, n int) (all tenants) {
	t.Helper()
	for range n {
		organization, hash := furnish(t, db)
		c := newCredential(organization)
		write(t, db, func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
		all.hashes, all.ids = append(all.hashes, hash), append(all.ids, c.ID)
	}
	return all
}

// look makes the first tenant's look-up.
func (all tenants) look(t *testing.T, db *postgres.DB) {
	t.Helper()
	if _, found, err := db.KeyAndCredential(t.Context(), all.hashes[0], all.ids[0]); err != nil || found == nil {
		t.Errorf("%v, %v", found, err)
	}
}

// lock takes the keys away from everybody until release is called.
func lock(t *testing.T, ownerURL string) (release func()) {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	owner, err := pgconn.Connect(ctx, ownerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = owner.Close(ctx) })
	run := func(text string) {
		t.Helper()
		if _, err := owner.Exec(ctx, text).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
	run("BEGIN; LOCK TABLE strongroom.api_keys IN ACCESS EXCLUSIVE MODE")
	return func() { run("COMMIT") }
}

// until looks again and again, where no signal tells.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for range 5000 {
		if holds() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("it never came true that %s", what)
}

func TestLookUpsShareFlights(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	proxy := postgrestest.NewProxy(t, cluster.Server.Host+":"+cluster.Server.Port)
	db := open(t, postgres.Options{URL: postgrestest.Address(proxy.Address, cluster.Role, d.Name)})
	const crowd = 30
	all := newTenants(t, db, crowd)
	release := lock(t, d.OwnerURL)
	var looking sync.WaitGroup
	look := func(i int) {
		looking.Go(func() {
			// Each asks with its own key, and every third for somebody else's credential.
			id, foreign := all.ids[i], i%3 == 0
			if foreign {
				id = all.ids[(i+1)%crowd]
			}
			holder, found, err := db.KeyAndCredential(t.Context(), all.hashes[i], id)
			if err != nil || holder.Hash != all.hashes[i] || foreign != (found == nil) || !foreign && found.ID != id {
				t.Errorf("look-up %d: %v, %v", i, found, err)
			}
		})
	}
	// The first one is sent alone, and waits for the lock.
	db.SetLateAfter(time.Hour)
	look(0)
	until(t, "a look-up waits for the lock", func() bool { return held(t, cluster) == "1" })
	before := proxy.Flights()
	gone, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, _, err := db.KeyAndCredential(gone, all.hashes[0], all.ids[0])
		left <- err
	}()
	for i := 1; i < crowd; i++ {
		look(i)
	}
	until(t, "all the others wait", func() bool { return db.Waiting() == crowd })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Errorf("who has gone is answered %v", err)
	}
	release()
	looking.Wait()
	if took := proxy.Flights() - before; took != 2 {
		t.Errorf("%d look-ups, of which one was sent alone, took %d round trips", crowd, took)
	}
	if _, _, err := db.KeyAndCredential(t.Context(), [32]byte{1}, all.ids[0]); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a key that is not there: %v", err)
	}
}

// held is how many look-ups wait for the lock.
func held(t *testing.T, cluster *postgrestest.Cluster) string {
	t.Helper()
	return cluster.Server.Query(t, "", "SELECT count(*) FROM pg_locks WHERE NOT granted")
}

func TestLookUpsDoNotWaitForAFlightThatIsLate(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	db := open(t, postgres.Options{URL: d.URL})
	all := newTenants(t, db, 1)
	release := lock(t, d.OwnerURL)
	db.SetLateAfter(time.Millisecond)
	var looking sync.WaitGroup
	look := func() { looking.Go(func() { all.look(t, db) }) }
	for i := range postgres.MostAloft {
		look()
		until(t, "each is sent, though those before have not returned", func() bool { return held(t, cluster) == strconv.Itoa(i+1) })
	}
	look()
	until(t, "there are no more flights than that", func() bool { return db.Waiting() == 1 })
	release()
	looking.Wait()
}

func TestWhoFillsAFlightWaitsForNone(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	db := open(t, postgres.Options{URL: d.URL})
	all := newTenants(t, db, 1)
	release := lock(t, d.OwnerURL)
	db.SetLateAfter(time.Hour)
	var looking sync.WaitGroup
	look := func() { looking.Go(func() { all.look(t, db) }) }
	look()
	until(t, "one is sent", func() bool { return held(t, cluster) == "1" })
	for range postgres.FullFlight {
		look()
	}
	until(t, "the others are sent together", func() bool { return held(t, cluster) == "2" && db.Waiting() == 0 })
	release()
	looking.Wait()
}

func TestALookUpWaitsForAFlightNoLongerThanForADatabase(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	db := open(t, postgres.Options{URL: d.URL, Patience: 100 * time.Millisecond})
	all := newTenants(t, db, 1)
	release := lock(t, d.OwnerURL)
	var looking sync.WaitGroup
	for range 4 * postgres.MostAloft {
		looking.Go(func() {
			_, _, err := db.KeyAndCredential(t.Context(), all.hashes[0], all.ids[0])
			if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "did not answer in time") {
				t.Errorf("it is answered %v", err)
			}
		})
	}
	looking.Wait()
	release()
	until(t, "it is answered again", func() bool {
		_, _, err := db.KeyAndCredential(t.Context(), all.hashes[0], all.ids[0])
		return err == nil
	})
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	_, _, err := db.KeyAndCredential(t.Context(), all.hashes[0], all.ids[0])
	says(t, err, "it has been closed")
}
