package rekey_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/custody"
	"strongroom/internal/rekey"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/secret"
)

// scene is a database with its root key, an organization, and what replaces keys.
type scene struct {
	*testing.T
	*rekey.Service
	store  *sqlite.DB
	sealer *sealer
	root   *sealtest.Faulty
	now    time.Time

	organization uuid.UUID
}

// sealer lets a test come in between.
type sealer struct {
	*seal.Sealer
	// before, where not nil, is called before each record is re-sealed.
	before func() error
}

func (s *sealer) Reseal(ctx context.Context, b seal.Binding, sealed []byte, version int64) ([]byte, error) {
	if s.before != nil {
		if err := s.before(); err != nil {
			return nil, err
		}
	}
	return s.Sealer.Reseal(ctx, b, sealed, version)
}

func setup(t *testing.T) *scene {
	t.Helper()
	s := &scene{T: t, root: sealtest.NewFaulty(sealtest.NewKeeper(t)), now: time.Date(2031, 3, 14, 15, 9, 26, 0, time.UTC), organization: uuid.Must(uuid.NewV7())}
	var err error
	s.store, err = sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "rekey.db")})
	s.must(err)
	_, private, err := ed25519.GenerateKey(nil)
	s.must(err)
	log, err := audit.Open(t.Context(), audit.Options{Store: s.store, Signer: audit.Signer{KeyID: uuid.New(), Key: private}, Process: "test"})
	s.must(err)
	t.Cleanup(func() {
		s.must(log.Close(context.Background()))
		s.must(s.store.Close())
	})
	clock := func() time.Time { return s.now }
	s.sealer = &sealer{Sealer: seal.New(s.root, custody.OrganizationKeys(s.store, log, clock), clock, nil)}
	s.Service = rekey.New(rekey.Options{Store: s.store, Audit: log, Sealer: s.sealer, Clock: clock, Batch: 2})
	s.write(func(tx store.Tx) error {
		return errors.Join(tx.CreateInstallation(store.Installation{ID: uuid.New(), RootFingerprint: s.root.Fingerprint(), CreatedAt: s.now}),
			tx.EnsureOrganization(s.organization, s.now))
	})
	return s
}

func (s *scene) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func (s *scene) refused(err, want error) {
	s.Helper()
	if !errors.Is(err, want) {
		s.Fatalf("got %v, want %v", err, want)
	}
}

func (s *scene) wantCode(err error, code strongroom.Code) {
	s.Helper()
	if strongroom.CodeOf(err) != code {
		s.Fatalf("got %v, want %s", err, code)
	}
}

func (s *scene) write(fn func(tx store.Tx) error) {
	s.Helper()
	s.must(s.store.Write(s.Context(), fn))
}

func (s *scene) operator() strongroom.Caller { return strongroom.Operator(s.organization, "r") }

// sealed is a record and what it opens to.
type sealed struct {
	kind    store.SealedKind
	binding seal.Binding
	plain   string
}

// seal seals a text for a new record's id, or for the one given.
func (s *scene) seal(purpose seal.Purpose, id uuid.UUID, version int64, text string) []byte {
	s.Helper()
	out, err := s.sealer.Seal(s.Context(), seal.Binding{Purpose: purpose, OrganizationID: s.organization, RecordID: id, Version: version}, secret.New([]byte(text)))
	s.must(err)
	return out
}

// credential stores one and returns it.
func (s *scene) credential(text string) store.SealedCredential {
	s.Helper()
	id := uuid.Must(uuid.NewV7())
	c := store.SealedCredential{Credential: strongroom.Credential{
		ID: id, OrganizationID: s.organization, Name: "n", Provider: "sftp", Type: "user_password", Status: strongroom.StatusActive,
		Version: 1, CreatedAt: s.now, UpdatedAt: s.now,
	}, Sealed: s.seal(seal.Credential, id, 1, text)}
	s.write(func(tx store.Tx) error { return tx.CreateCredential(c, store.CredentialLimits{}) })
	return c
}

// update replaces a credential's data at its next version.
func (s *scene) update(c store.SealedCredential, text string) {
	s.Helper()
	s.write(func(tx store.Tx) error {
		return tx.UpdateCredential(s.organization, store.CredentialChange{ID: c.ID, From: c.Version, Name: c.Name, Type: c.Type, Status: c.Status,
			UpdatedAt: s.now, Sealed: s.seal(seal.Credential, c.ID, c.Version+1, text)})
	})
}

// furnish stores records of every kind, credentials that were deleted and updated too.
func (s *scene) furnish() []sealed {
	s.Helper()
	live, deleted, updated := s.credential("live"), s.credential("deleted"), s.credential("before")
	s.update(updated, "updated")
	client, flow, rotation := uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7()), uuid.Must(uuid.NewV7())
	s.write(func(tx store.Tx) error {
		return errors.Join(
			tx.DeleteCredential(s.organization, deleted.ID, s.now, uuid.New()),
			tx.SaveOAuthClient(store.OAuthClient{OAuthClient: strongroom.OAuthClient{OrganizationID: s.organization, Provider: "google", CreatedAt: s.now, UpdatedAt: s.now},
				ID: client, Version: 1, Sealed: s.seal(seal.OAuthClient, client, 1, "client")}),
			tx.CreateOAuthFlow(store.OAuthFlow{StateHash: [32]byte{1}, ID: flow, OrganizationID: s.organization, CreatedAt: s.now, ExpiresAt: s.now,
				Sealed: s.seal(seal.OAuthFlow, flow, 1, "flow")}, 9),
			tx.CreateRotation(store.SealedRotation{Rotation: strongroom.Rotation{ID: rotation, OrganizationID: s.organization, CredentialID: live.ID,
				State: strongroom.RotationPending, BeganAt: s.now, UpdatedAt: s.now, FromVersion: 1}, Sealed: s.seal(seal.Rotation, rotation, 1, "rotation")}),
		)
	})
	of := func(kind store.SealedKind, purpose seal.Purpose, id uuid.UUID, version int64, plain string) sealed {
		return sealed{kind, seal.Binding{Purpose: purpose, OrganizationID: s.organization, RecordID: id, Version: version}, plain}
	}
	return []sealed{
		of(store.SealedCredentials, seal.Credential, live.ID, 1, "live"), of(store.SealedCredentials, seal.Credential, deleted.ID, 1, "deleted"),
		of(store.SealedCredentials, seal.Credential, updated.ID, 2, "updated"), of(store.SealedOAuthClients, seal.OAuthClient, client, 1, "client"),
		of(store.SealedOAuthFlows, seal.OAuthFlow, flow, 1, "flow"), of(store.SealedRotations, seal.Rotation, rotation, 1, "rotation"),
	}
}

// wantUnder checks that all of it is sealed under the version, and opens.
func (s *scene) wantUnder(version int64, all []sealed) {
	s.Helper()
	for _, want := range all {
		found := false
		for _, r := range s.records(want.kind) {
			if r.ID != want.binding.RecordID {
				continue
			}
			found = true
			if r.Version != want.binding.Version || r.Sealed[8] != byte(version) {
				s.Errorf("%s: version %d under key %d", want.plain, r.Version, r.Sealed[8])
			}
			opened, err := s.sealer.Open(s.Context(), want.binding, r.Sealed)
			if err != nil || string(opened.Reveal()) != want.plain {
				s.Errorf("%s does not open: %v", want.plain, err)
			}
		}
		if !found {
			s.Errorf("%s is gone", want.plain)
		}
	}
}

func (s *scene) records(kind store.SealedKind) []store.SealedRecord {
	s.Helper()
	all, err := s.store.SealedRecords(s.Context(), s.organization, store.SealedQuery{Kind: kind, Limit: 100})
	s.must(err)
	return all
}

// wantEvents checks what was put on record of an action, oldest first: outcome, version and note.
func (s *scene) wantEvents(organization uuid.UUID, action strongroom.Action, want ...string) {
	s.Helper()
	records, err := s.store.ListEvents(s.Context(), organization, strongroom.EventQuery{Limit: 1000, Action: action})
	s.must(err)
	var got []string
	for i := len(records) - 1; i >= 0; i-- {
		e, err := audit.Decode(records[i])
		s.must(err)
		got = append(got, string(e.Outcome)+": "+e.Note)
	}
	if len(got) != len(want) {
		s.Fatalf("%s: got %q, want %q", action, got, want)
	}
	for i := range got {
		if got[i] != want[i] {
			s.Errorf("%s: got %q, want %q", action, got[i], want[i])
		}
	}
}
