package sqlite_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
)

const benchmarkCredentials = 10_000

// benchmark opens a database of one organization, 10,000 credentials of 300 bytes and
// as many API keys.
func benchmark(b *testing.B) (*sqlite.DB, uuid.UUID, []uuid.UUID, [][32]byte) {
	b.Helper()
	db, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db")})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = db.Close() })
	now := strongroom.Timestamp(time.Now())
	organization, account, user := uuid.New(), uuid.New(), uuid.New()
	ids, hashes := make([]uuid.UUID, benchmarkCredentials), make([][32]byte, benchmarkCredentials)
	err = db.Write(b.Context(), func(tx store.Tx) error {
		if err := tx.EnsureOrganization(organization, now); err != nil {
			return err
		}
		err := tx.CreateAccount(strongroom.ServiceAccount{
			ID: account, OrganizationID: &organization, Name: "worker", Status: strongroom.ServiceAccountActive,
			CreatedAt: now, UpdatedAt: now,
		})
		if err != nil {
			return err
		}
		for i := range ids {
			ids[i] = uuid.Must(uuid.NewV7())
			hashes[i] = sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(i)))
			err := tx.CreateCredential(store.SealedCredential{
				Credential: strongroom.Credential{
					ID: ids[i], OrganizationID: organization, UserID: &user, Name: fmt.Sprintf("Credential %d", i),
					Provider: "postgresql", Type: "user_password", Status: strongroom.StatusActive, ModifiedBy: user,
					CreatedAt: now, UpdatedAt: now,
				},
				Sealed: make([]byte, 300),
			}, store.CredentialLimits{})
			if err != nil {
				return err
			}
			err = tx.CreateAPIKey(strongroom.APIKey{
				ID: uuid.Must(uuid.NewV7()), ServiceAccountID: account, OrganizationID: &organization, UserID: &user,
				Name: "key", TokenPrefix: "saf_org_00000000_00000000_abcd", ModifiedBy: user, CreatedAt: now, UpdatedAt: now,
			}, hashes[i])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return db, organization, ids, hashes
}

func BenchmarkKeyByHash(b *testing.B) {
	db, _, _, hashes := benchmark(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := db.KeyByHash(b.Context(), hashes[i*7919%len(hashes)]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSealedCredential(b *testing.B) {
	db, organization, ids, _ := benchmark(b)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := db.SealedCredential(b.Context(), organization, ids[i*7919%len(ids)]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppendAudit appends 32 events of 450 bytes a transaction; ns/event is the
// wall's time, the disk's sync included.
func BenchmarkAppendAudit(b *testing.B) {
	const batch = 32
	db, organization, _, _ := benchmark(b)
	chain, body := uuid.New(), fmt.Appendf(nil, `{"action":"credential.read","note":"%0400d"}`, 0)
	records, sequence := make([]store.AuditRecord, batch), int64(0)
	b.ReportAllocs()
	for b.Loop() {
		for i := range records {
			sequence++
			records[i] = store.AuditRecord{
				Chain: chain, Sequence: sequence, At: time.UnixMicro(sequence), OrganizationID: organization, Body: body,
			}
		}
		head := store.AuditHead{Chain: chain, Sequence: sequence, Signature: make([]byte, 64), UpdatedAt: time.UnixMicro(sequence)}
		if err := db.Write(b.Context(), func(tx store.Tx) error { return tx.AppendAudit(records, head) }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/event")
}
