package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/postgres"
	"strongroom/internal/store/postgres/postgrestest"
)

// BenchmarkKeyAndCredential is the first of a secrets read's two round trips. The server is
// on the same machine, and shares its processors.
func BenchmarkKeyAndCredential(b *testing.B) {
	cluster := postgrestest.New(b)
	db, err := postgres.Open(b.Context(), postgres.Options{URL: cluster.Database(b).URL})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	organization, account := uuid.New(), uuid.New()
	c, hash := newCredential(organization), [32]byte{1}
	c.Sealed = make([]byte, 300)
	err = db.Write(b.Context(), func(tx store.Tx) error {
		for _, err := range []error{
			tx.EnsureOrganization(organization, moment),
			tx.CreateCredential(c, store.CredentialLimits{}),
			tx.CreateAccount(strongroom.ServiceAccount{ID: account, OrganizationID: &organization, Name: "worker", Status: strongroom.ServiceAccountActive}),
			tx.CreateAPIKey(strongroom.APIKey{ID: uuid.New(), ServiceAccountID: account, OrganizationID: &organization, Name: "key"}, hash),
		} {
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	look := func() {
		if _, found, err := db.KeyAndCredential(b.Context(), hash, c.ID); err != nil || found == nil {
			b.Error(found, err)
		}
	}
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			look()
		}
	})
	b.Run("8 at once", func(b *testing.B) {
		b.SetParallelism(4)
		b.RunParallel(func(p *testing.PB) {
			for p.Next() {
				look()
			}
		})
	})
}

// BenchmarkAppendAudit is the second: one commit, shared by so many.
func BenchmarkAppendAudit(b *testing.B) {
	cluster := postgrestest.New(b)
	db, err := postgres.Open(b.Context(), postgres.Options{URL: cluster.Database(b).URL})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	for _, events := range []int{1, 64} {
		b.Run(fmt.Sprint(events, " events"), func(b *testing.B) {
			chain, sequence := uuid.New(), int64(0)
			body := []byte(`{"time":"2031-03-14T15:09:26.535897Z","action":"credential.read","outcome":"allowed","organization_id":"` + uuid.NewString() + `","principal_kind":"service_account"}`)
			for b.Loop() {
				records := make([]store.AuditRecord, events)
				for i := range records {
					sequence++
					records[i] = store.AuditRecord{Chain: chain, Sequence: sequence, At: moment, OrganizationID: chain, Body: body}
				}
				err := db.Write(b.Context(), func(tx store.Tx) error {
					return tx.AppendAudit(records, store.AuditHead{Chain: chain, Sequence: sequence, UpdatedAt: moment})
				})
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
