package backup

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/audit"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/store/sqlite"
	"strongroom/secret"
)

// began is when every scene's backup is made.
var began = time.Date(2031, 3, 14, 15, 0, 0, 0, time.UTC)

// scene is an installation on SQLite with everything in it that a backup holds.
type scene struct {
	*testing.T
	dir          string
	db           *sqlite.DB
	keeper       seal.Keeper
	signer       audit.Signer
	installation uuid.UUID
	organization uuid.UUID
	sealer       *seal.Sealer
	log          *audit.Log
	now          time.Time
}

func newScene(t *testing.T) *scene {
	t.Helper()
	root, err := seal.GenerateRootKey()
	must(t, err)
	raw, err := seal.ParseRootKey(root.Reveal())
	must(t, err)
	keeper, err := seal.NewLocal(raw)
	must(t, err)
	return newSceneOf(t, keeper)
}

func newSceneOf(t *testing.T, keeper seal.Keeper) *scene {
	t.Helper()
	s := &scene{T: t, dir: t.TempDir(), keeper: keeper, installation: uuid.Must(uuid.NewV7()), now: began.Add(-time.Hour)}
	s.db = s.open("live.db")
	public, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	s.signer = audit.Signer{KeyID: uuid.Must(uuid.NewV7()), Key: private}
	wrapped, err := keeper.Wrap(t.Context(), private.Seed(), s.signer.KeyID[:])
	must(t, err)
	s.write(func(tx store.Tx) error {
		err := tx.CreateInstallation(store.Installation{ID: s.installation, RootFingerprint: keeper.Fingerprint(), CreatedAt: s.now})
		return errors.Join(err, tx.CreateSigningKey(store.SigningKey{ID: s.signer.KeyID, Public: public, WrappedPrivate: wrapped, RootFingerprint: keeper.Fingerprint(), CreatedAt: s.now}))
	})
	s.log, err = audit.Open(t.Context(), audit.Options{Store: s.db, Signer: s.signer, Clock: s.clock, Process: "scene"})
	must(t, err)
	t.Cleanup(func() { _ = s.log.Close(context.Background()) })
	s.sealer = seal.New(keeper, keysOf{s}, s.clock, nil)
	s.organization = s.newOrganization()
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (s *scene) clock() time.Time { return s.now }

// open opens a database in the scene's directory.
func (s *scene) open(name string) *sqlite.DB {
	s.Helper()
	db, err := sqlite.Open(s.Context(), sqlite.Options{Path: filepath.Join(s.dir, name)})
	must(s.T, err)
	s.Cleanup(func() { _ = db.Close() })
	return db
}

func (s *scene) write(fn func(tx store.Tx) error) {
	s.Helper()
	must(s.T, s.db.Write(s.Context(), fn))
}

// keysOf is the database's organization keys.
type keysOf struct{ *scene }

func (k keysOf) OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, bool, error) {
	found, err := k.db.OrganizationKey(ctx, organization, version)
	return found, err == nil, ignore(err, store.ErrNotFound)
}

func (k keysOf) CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, bool, error) {
	found, err := k.db.CurrentOrganizationKey(ctx, organization)
	return found, err == nil, ignore(err, store.ErrNotFound)
}

func (k keysOf) CreateOrganizationKey(ctx context.Context, key strongroom.OrganizationKey) (bool, error) {
	err := k.db.Write(ctx, func(tx store.Tx) error { return tx.CreateOrganizationKey(key) })
	return err == nil, err
}

func (k keysOf) RootFingerprint(context.Context) (string, error) { return k.keeper.Fingerprint(), nil }

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
}

func (s *scene) newOrganization() uuid.UUID {
	s.Helper()
	id := uuid.Must(uuid.NewV7())
	s.write(func(tx store.Tx) error { return tx.EnsureOrganization(id, s.now) })
	return id
}

func (s *scene) seal(b seal.Binding) []byte {
	s.Helper()
	sealed, err := s.sealer.Seal(s.Context(), b, secret.New([]byte(`{"password":"plain-to-see"}`)))
	must(s.T, err)
	return sealed
}

// credential stores one of an organization's, after the changes.
func (s *scene) credential(organization uuid.UUID, changes ...func(*store.SealedCredential)) store.SealedCredential {
	s.Helper()
	user := uuid.New()
	c := store.SealedCredential{Credential: strongroom.Credential{
		ID: uuid.Must(uuid.NewV7()), OrganizationID: organization, UserID: &user, Name: "Files", Provider: "acme", Type: "oauth2",
		Status: strongroom.StatusActive, ModifiedBy: user, Version: 1, CreatedAt: s.now, UpdatedAt: s.now,
	}}
	for _, change := range changes {
		change(&c)
	}
	c.Sealed = s.seal(seal.Binding{OrganizationID: organization, RecordID: c.ID, Version: c.Version})
	must(s.T, s.log.Commit(s.Context(), func(tx store.Tx) ([]strongroom.Event, error) {
		e := strongroom.NewEvent(s.now, strongroom.Operator(organization, ""), strongroom.ActionCredentialCreate)
		e.CredentialID = c.ID
		return []strongroom.Event{e}, tx.CreateCredential(c, store.CredentialLimits{})
	}))
	return c
}

// renewable makes a token that is due for renewal at a time.
func renewable(due time.Time) func(*store.SealedCredential) {
	return func(c *store.SealedCredential) {
		ends := due.Add(time.Minute)
		c.ExpiresAt, c.Renewal.StaleAt, c.Renewal.NextAt = &ends, &ends, &due
	}
}

// furnish puts something into the tables that have sealed records, and an account with a key.
func (s *scene) furnish() (key strongroom.APIKey) {
	s.Helper()
	c := s.credential(s.organization)
	s.write(func(tx store.Tx) error {
		client := store.OAuthClient{OAuthClient: strongroom.OAuthClient{OrganizationID: s.organization, Provider: "acme", ClientID: "id", ModifiedBy: uuid.New(), CreatedAt: s.now, UpdatedAt: s.now}, ID: uuid.New(), Version: 1}
		client.Sealed = s.sealLater(seal.OAuthClient, client.ID)
		flow := store.OAuthFlow{StateHash: sha256.Sum256([]byte("state")), ID: uuid.New(), OrganizationID: s.organization, UserID: uuid.New(), Role: strongroom.RoleAppUser,
			Provider: "acme", Type: "oauth2", Name: "flow", ClientID: "id", RedirectTo: "http://x", CallbackPath: "/c", CreatedAt: s.now, ExpiresAt: s.now.Add(time.Minute)}
		flow.Sealed = s.sealLater(seal.OAuthFlow, flow.ID)
		r := store.SealedRotation{Rotation: strongroom.Rotation{ID: uuid.New(), OrganizationID: s.organization, CredentialID: c.ID, Method: "postgresql_password",
			Trigger: strongroom.RotationRequested, State: strongroom.RotationPending, BeganBy: uuid.New(), BeganAt: s.now, UpdatedAt: s.now, FromVersion: 1}}
		r.Sealed = s.sealLater(seal.Rotation, r.ID)
		account := strongroom.ServiceAccount{ID: uuid.Must(uuid.NewV7()), OrganizationID: &s.organization, Name: "worker", Status: strongroom.ServiceAccountActive, ModifiedBy: uuid.New(), CreatedAt: s.now, UpdatedAt: s.now}
		key = strongroom.APIKey{ID: uuid.Must(uuid.NewV7()), ServiceAccountID: account.ID, OrganizationID: &s.organization, Name: "key", TokenPrefix: "saf_org_01234567", ModifiedBy: uuid.New(), CreatedAt: s.now, UpdatedAt: s.now}
		return errors.Join(tx.SaveOAuthClient(client), tx.CreateOAuthFlow(flow, 10), tx.CreateRotation(r),
			tx.CreateAccount(account), tx.CreateAPIKey(key, sha256.Sum256([]byte("token"))))
	})
	return key
}

// sealLater seals while a transaction is open: the organization's key is in memory by then.
func (s *scene) sealLater(purpose seal.Purpose, id uuid.UUID) []byte {
	key, err := s.db.CurrentOrganizationKey(s.Context(), s.organization)
	must(s.T, err)
	fixed := &keySet{Organizations: []strongroom.OrganizationKey{key}}
	sealed, err := seal.New(s.keeper, fixed, s.clock, nil).Seal(s.Context(), seal.Binding{Purpose: purpose, OrganizationID: s.organization, RecordID: id, Version: 1}, secret.New([]byte("plain-to-see")))
	must(s.T, err)
	return sealed
}

// keys is where the scene's keys file is.
func (s *scene) keys() string { return filepath.Join(s.dir, KeysName) }

// backup makes a backup at began and returns its data file.
func (s *scene) backup() string {
	s.Helper()
	s.now = began
	done, err := Create(s.Context(), s.create())
	must(s.T, err)
	return done.Data
}

func (s *scene) create() CreateOptions {
	return CreateOptions{From: s.db, Directory: s.dir, Keys: s.keys(), Signer: s.signer, Clock: s.clock, MadeBy: "test"}
}

func (s *scene) options(data string) Options {
	return Options{
		Data: data, Keys: s.keys(), Root: seal.Keepers{s.keeper}, Trust: s.trust, Clock: s.clock, NoPrevious: "there is none",
		Rotates: func(provider string) bool { return provider == "acme" },
	}
}

// trust opens signing keys as they are wrapped here.
func (s *scene) trust(ctx context.Context, keys []store.SigningKey) (Trusted, error) {
	trusted := Trusted{Keys: map[uuid.UUID]ed25519.PublicKey{}}
	for i, k := range keys {
		seed, err := s.keeper.Unwrap(ctx, k.WrappedPrivate, k.ID[:])
		if err != nil {
			return trusted, err
		}
		private := ed25519.NewKeyFromSeed(seed)
		trusted.Keys[k.ID] = private.Public().(ed25519.PublicKey)
		if i == 0 {
			trusted.Signer = audit.Signer{KeyID: k.ID, Key: private}
		}
	}
	return trusted, nil
}

func (s *scene) check(data string) *Report {
	s.Helper()
	report, err := Check(s.Context(), s.options(data))
	must(s.T, err)
	return report
}

// wantRefused fails the test unless the error is one sentence with these words.
func wantRefused(t *testing.T, err error, words string) {
	t.Helper()
	switch {
	case err == nil:
		t.Fatalf("nothing is refused; want %q", words)
	case !strings.Contains(err.Error(), words):
		t.Fatalf("refused with %q; want %q", err, words)
	case strings.Contains(err.Error(), "\n"):
		t.Fatalf("more than one sentence: %q", err)
	}
}

// contentOf reads a whole file.
func contentOf(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	return b
}

// file writes a file of the test's own.
func (s *scene) file(name string, content []byte) string {
	s.Helper()
	path := filepath.Join(s.dir, name)
	must(s.T, os.WriteFile(path, content, 0o600))
	return path
}
