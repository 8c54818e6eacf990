package rekey_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom/api"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/seal"
	"strongroom/internal/store"
)

func rootFingerprint(s *scene, text []byte) string {
	s.Helper()
	root, err := seal.ParseRootKey(text)
	s.must(err)
	keeper, err := seal.NewLocal(root)
	s.must(err)
	defer keeper.Close()
	return keeper.Fingerprint()
}

// TestAServerWithTheOldRootKeySaysSo: it goes on with the keys in its memory, and makes none
// that only the old root key opens.
func TestAServerWithTheOldRootKeySaysSo(t *testing.T) {
	overBoth(t, func(s *scene) {
		s.serve()
		organization, unused := s.organization(), s.organization()
		id := s.create(organization, "warm")
		cold := s.create(unused, "cold")
		s.stop()
		s.serve()
		s.wantData(organization, id, "warm")
		next := s.newRoot()
		run(s.T, order{Operation: "root", Arguments: append(s.arguments, "--next-root-key", next)})

		s.wantData(organization, id, "warm")
		s.read(unused, cold).WantError(s, http.StatusServiceUnavailable, "key_unavailable")
		stranger := uuid.New()
		s.server.Do(apptest.Request{Method: http.MethodPost, Path: credentials, Token: s.user(stranger), Body: api.CreateCredential{
			Name: "n", Provider: "sftp", CredentialType: "user_password", Credentials: api.SecretObject(data("n"))}}).
			WantError(s, http.StatusServiceUnavailable, "key_unavailable")
		ready := s.server.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Want(s, http.StatusServiceUnavailable)
		if !strings.Contains(string(ready.Body), "set --root-key to the new one and restart") {
			s.Errorf("/readyz says %s", ready.Body)
		}
		s.wantOneRoot(fingerprint(s, next))
		s.stop()

		s.serve("--root-key", next)
		s.wantData(organization, id, "warm")
		s.wantData(unused, cold, "cold")
		s.server.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Want(s, http.StatusOK)
		s.stop()
		s.wantVerified("--root-key", next)
	})
}

func TestARunningServerSignsWithANewKey(t *testing.T) {
	dir := t.TempDir()
	service := apptest.New(t, dir)
	service.Open(nil)
	s := &scene{T: t, dir: dir, arguments: []string{"--data", dir}}
	before := service.App.Audit.SignedBy()
	if err := service.App.FollowSigner(t.Context()); err != nil || service.App.Audit.SignedBy() != before {
		t.Fatalf("without a new key it signs with another, %v", err)
	}
	run(t, order{Operation: "signing", Arguments: s.arguments})
	if err := service.App.FollowSigner(t.Context()); err != nil || service.App.Audit.SignedBy() == before {
		t.Fatalf("it goes on with the old key, %v", err)
	}
	if err := service.App.Audit.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.wantVerified()
	signed := service.App.Audit.SignedBy()
	if err := service.Stop(); err != nil {
		t.Fatal(err)
	}
	s.look(func(db store.Store) {
		s.must(db.AuditSnapshot(t.Context(), func(v store.AuditView) error {
			heads, err := v.Heads()
			found := false
			for _, h := range heads {
				found = found || h.KeyID == signed
			}
			if !found {
				t.Error("no head is signed by the new key")
			}
			return err
		}))
	})
	if _, err := configure([]string{"--data", dir, "--root-key", app.RootKeyPath(dir)}); err != nil {
		t.Error(err)
	}
}
