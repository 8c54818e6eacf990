package keyservice_test

import (
	"context"
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"strongroom/internal/seal"
	"strongroom/internal/seal/keyservice"
	"strongroom/internal/seal/keyservice/keyservicetest"
	"strongroom/internal/seal/sealtest"
)

const vaultToken = "hvs.token-of-the-tests"

// service is a running key service with two keys and what the tests do to it.
type service struct {
	*keyservicetest.Server
	// where are the locations of the two keys, and of one that does not exist.
	where   [2]string
	missing string
	roots   *x509.CertPool
	rotate  func()
	// disable is nil where a key cannot be disabled.
	disable func()
	// deny takes the credentials away.
	deny func(*testing.T)
	// refusal is an answer with which the service says no, and secret what it must not
	// bring into an error.
	refusal string
	secrets []string
}

var services = map[string]func(*testing.T) *service{
	"Transit": func(t *testing.T) *service {
		v := keyservicetest.NewTransit(t, vaultToken, "one", "two")
		t.Setenv("VAULT_TOKEN", vaultToken)
		return &service{
			Server: v.Server, where: [2]string{v.URL("one"), v.URL("two")}, missing: v.URL("three"),
			rotate:  func() { v.Rotate("one") },
			deny:    func(t *testing.T) { t.Setenv("VAULT_TOKEN", vaultToken+"-expired") },
			refusal: `{"errors":["about ` + vaultToken + `"]}`, secrets: []string{vaultToken},
		}
	},
	"AWS KMS": func(t *testing.T) *service {
		const one, two = "11111111-1111-1111-1111-111111111111", "22222222-2222-2222-2222-222222222222"
		k := keyservicetest.NewKMS(t, one, two)
		isolateAWS(t)
		return &service{
			Server: k.Server, where: [2]string{k.URL(one), k.URL(two)}, missing: k.URL("33333333-3333-3333-3333-333333333333"),
			rotate: func() { k.Rotate(one) }, disable: func() { k.Disable(one) },
			deny:    func(t *testing.T) { t.Setenv("AWS_SECRET_ACCESS_KEY", "another") },
			refusal: `{"__type":"AccessDeniedException","Message":"about ` + keyservicetest.AccessKey + `"}`,
			secrets: []string{keyservicetest.AccessKey, keyservicetest.SecretKey},
		}
	},
	"Cloud KMS": func(t *testing.T) *service {
		k := keyservicetest.NewCloudKMS(t, "one", "two")
		t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", k.CredentialsFile(t))
		other := keyservicetest.NewCloudKMS(t)
		return &service{
			Server: k.Server, where: [2]string{k.URL("one"), k.URL("two")}, missing: k.URL("three"),
			rotate: func() { k.Rotate("one") }, disable: func() { k.Disable("one") },
			deny: func(t *testing.T) {
				other.Fail(keyservicetest.Answer(400, `{"error":"invalid_grant","error_description":"`+keyservicetest.BearerToken+`"}`))
				t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", other.CredentialsFile(t))
			},
			refusal: `{"error":{"code":403,"status":"PERMISSION_DENIED","message":"about ` + keyservicetest.BearerToken + `"}}`,
			secrets: []string{keyservicetest.BearerToken},
		}
	},
	"Key Vault": func(t *testing.T) *service {
		v := keyservicetest.NewKeyVault(t, "one", "two")
		t.Setenv("IDENTITY_ENDPOINT", v.IdentityEndpoint())
		t.Setenv("IDENTITY_HEADER", keyservicetest.IdentityHeader)
		for _, name := range []string{"AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_CERTIFICATE_PATH"} {
			t.Setenv(name, "")
		}
		return &service{
			Server: v.Server, where: [2]string{v.URL("one"), v.URL("two")}, missing: v.URL("three"), roots: v.Roots(),
			rotate: func() { v.Rotate("one") }, disable: func() { v.Disable("one") },
			deny:    func(*testing.T) { v.Lock() },
			refusal: `{"error":{"code":"Forbidden","message":"about ` + keyservicetest.BearerToken + `"}}`,
			secrets: []string{keyservicetest.BearerToken, keyservicetest.IdentityHeader},
		}
	},
}

// isolateAWS gives the tests' credentials, and none of this machine's files.
func isolateAWS(t *testing.T) {
	t.Helper()
	none := filepath.Join(t.TempDir(), "none")
	if err := os.WriteFile(none, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": keyservicetest.AccessKey, "AWS_SECRET_ACCESS_KEY": keyservicetest.SecretKey, "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": none, "AWS_SHARED_CREDENTIALS_FILE": none, "AWS_REGION": "", "AWS_PROFILE": "", "AWS_EC2_METADATA_DISABLED": "true",
	} {
		t.Setenv(name, value)
	}
}

// each runs a test against every service.
func each(t *testing.T, test func(*testing.T, *service)) {
	t.Helper()
	for name, start := range services {
		t.Run(name, func(t *testing.T) { test(t, start(t)) })
	}
}

func (s *service) open(ctx context.Context, root int) (seal.Keeper, error) {
	return keyservice.Open(ctx, s.where[root], keyservice.Options{RootCAs: s.roots})
}

func (s *service) mustOpen(t *testing.T, root int) seal.Keeper {
	t.Helper()
	k, err := s.open(t.Context(), root)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func TestKeepers(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		sealtest.RunKeeper(t, func(t *testing.T, root int) seal.Keeper { return s.mustOpen(t, root) })
	})
}

func TestFilesAndVariablesAreOpenedAsBefore(t *testing.T) {
	_, err := keyservice.Open(t.Context(), "env:ROOT_NOT_SET_ANYWHERE", keyservice.Options{})
	if err == nil || !strings.Contains(err.Error(), "ROOT_NOT_SET_ANYWHERE") {
		t.Errorf("got %v, want what seal.OpenKeeper says", err)
	}
}

// TestRotationWithinTheService: old keys open, new ones are wrapped, the root key stays.
func TestRotationWithinTheService(t *testing.T) {
	each(t, func(t *testing.T, s *service) {
		k := s.mustOpen(t, 0)
		wrapped, err := k.Wrap(t.Context(), []byte("key"), []byte("place"))
		if err != nil {
			t.Fatal(err)
		}
		s.rotate()
		again := s.mustOpen(t, 0)
		if again.Fingerprint() != k.Fingerprint() {
			t.Error("a new version of the key has another fingerprint")
		}
		renewed, err := again.Wrap(t.Context(), []byte("key"), []byte("place"))
		if err != nil {
			t.Fatal(err)
		}
		for _, keeper := range []seal.Keeper{k, again} {
			for name, w := range map[string][]byte{"before": wrapped, "after": renewed} {
				if got, err := keeper.Unwrap(t.Context(), w, []byte("place")); err != nil || string(got) != "key" {
					t.Errorf("wrapped %s the rotation: %v", name, err)
				}
			}
		}
	})
}

func wantRefused(t *testing.T, err error, says string) {
	t.Helper()
	if !errors.Is(err, seal.ErrKeeper) || !errors.Is(err, seal.ErrRefused) || seal.Away(err) || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a refusal that says %q", err, says)
	}
}

func wantAway(t *testing.T, err error) {
	t.Helper()
	if !seal.Away(err) {
		t.Errorf("got %v, want that the service is out of reach", err)
	}
}

func (s *service) wantSecretsKept(t *testing.T, err error) {
	t.Helper()
	for _, secret := range s.secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the error holds a secret: %v", err)
		}
	}
}
