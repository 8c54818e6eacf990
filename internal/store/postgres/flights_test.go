package postgres_test

import (
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// TestWhatTheHotPathDoesIsOneRoundTripEach counts what goes over the wire.
func TestWhatTheHotPathDoesIsOneRoundTripEach(t *testing.T) {
	cluster := postgrestest.New(t)
	d := cluster.Database(t)
	proxy := postgrestest.NewProxy(t, cluster.Server.Host+":"+cluster.Server.Port)
	db := open(t, postgres.Options{URL: postgrestest.Address(proxy.Address, cluster.Role, d.Name)})
	organization, hash := furnish(t, db)
	c := newCredential(organization)
	write(t, db, func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
	chain := uuid.New()
	sequence := int64(0)
	appendOne := func(tx store.Tx) error {
		sequence++
		return tx.AppendAudit([]store.AuditRecord{{Chain: chain, Sequence: sequence, At: moment, OrganizationID: organization, Body: []byte(`{}`)}},
			store.AuditHead{Chain: chain, Sequence: sequence, UpdatedAt: moment})
	}
	for name, step := range map[string]func() error{
		"a key with its account and a sealed credential": func() error {
			_, found, err := db.KeyAndCredential(t.Context(), hash, c.ID)
			if err == nil && found == nil {
				t.Error("no credential was found")
			}
			return err
		},
		"a key with its account": func() error { _, err := db.KeyByHash(t.Context(), hash); return err },
		"a sealed credential":    func() error { _, err := db.SealedCredential(t.Context(), organization, c.ID); return err },
		"a batch of events":      func() error { return db.Write(t.Context(), appendOne) },
		"a batch of events, of which some note a use": func() error {
			return db.Write(t.Context(), func(tx store.Tx) error {
				for range 3 {
					if err := tx.Nested(func() error { return tx.TouchCredential(organization, c.ID, moment) }); err != nil {
						return err
					}
				}
				return appendOne(tx)
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			before := proxy.Flights()
			if err := step(); err != nil {
				t.Fatal(err)
			}
			if n := proxy.Flights() - before; n != 1 {
				t.Errorf("it took %d round trips", n)
			}
		})
	}
	noted, err := db.SealedCredential(t.Context(), organization, c.ID)
	if err != nil || noted.LastUsedAt == nil || !noted.LastUsedAt.Equal(moment) {
		t.Errorf("the use with the events is noted at %v, %v; want %v", noted.LastUsedAt, err, moment)
	}
}
