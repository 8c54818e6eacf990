package identity_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/identity"
	"strongroom/internal/store"
	"strongroom/secret"
)

var (
	user        = uuid.MustParse("0198dddd-0000-7000-8000-000000000004")
	startOfTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

const (
	audience   = "strongroom"
	secretName = "supabase"
)

var sharedSecret = []byte("0123456789abcdef0123456789abcdef")

// fakeClock stands still until it is moved.
type fakeClock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *fakeClock { return &fakeClock{now: startOfTime} }

func (c *fakeClock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// memory finds keys in memory, and fails where err is set.
type memory struct {
	holders map[[32]byte]store.KeyHolder
	err     error
	lookups int
}

func (m *memory) KeyByHash(_ context.Context, hash [32]byte) (store.KeyHolder, error) {
	m.lookups++
	if m.err != nil {
		return store.KeyHolder{}, m.err
	}
	holder, found := m.holders[hash]
	if !found {
		return store.KeyHolder{}, store.ErrNotFound
	}
	return holder, nil
}

// add makes a key of an active account, changed by change, and returns its token.
func (m *memory) add(t testing.TB, organization *uuid.UUID, change func(*store.KeyHolder)) string {
	t.Helper()
	key := mustKey(t, organization, account)
	holder := store.KeyHolder{
		Hash: key.hash,
		Key: strongroom.APIKey{
			ID: uuid.New(), ServiceAccountID: account, OrganizationID: organization, TokenPrefix: key.prefix,
		},
		Account: strongroom.ServiceAccount{
			ID: account, OrganizationID: organization, Status: strongroom.ServiceAccountActive,
			Grants: []strongroom.Grant{{Providers: []string{"sftp"}}},
		},
	}
	if change != nil {
		change(&holder)
	}
	if m.holders == nil {
		m.holders = map[[32]byte]store.KeyHolder{}
	}
	m.holders[key.hash] = holder
	return key.token
}

func bearer(token string) identity.Presented {
	return identity.Presented{Authorization: []string{"Bearer " + token}}
}

func apiKey(token string) identity.Presented {
	return identity.Presented{APIKey: []string{token}}
}

// wantRefused asserts the code, and that neither the sentence nor its cause shows what
// was presented.
func wantRefused(t testing.TB, a *identity.Authenticator, p identity.Presented, code strongroom.Code) *strongroom.Error {
	t.Helper()
	principal, err := a.Authenticate(t.Context(), p)
	var e *strongroom.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Fatalf("got %v (code %q), want code %q", err, strongroom.CodeOf(err), code)
	}
	if principal.Kind != "" || principal.ID != uuid.Nil || principal.OrganizationID != uuid.Nil {
		t.Error("a principal came with the error")
	}
	for _, value := range append(p.APIKey, p.Authorization...) {
		if len(value) > 20 && strings.Contains(err.Error(), value[len(value)-12:]) {
			t.Error("the error shows the credential")
		}
	}
	return e
}

func mustAuthenticate(t testing.TB, a *identity.Authenticator, p identity.Presented) strongroom.Principal {
	t.Helper()
	principal, err := a.Authenticate(t.Context(), p)
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	return principal
}

// secretIssuer accepts HS256 tokens.
func secretIssuer(t testing.TB, clock *fakeClock, paths identity.ClaimPaths) *identity.Issuer {
	t.Helper()
	i, err := identity.NewIssuer(identity.IssuerConfig{
		Issuer: secretName, Audience: audience, Secret: secret.New(sharedSecret), Claims: paths,
	}, nil, clock.time, nil)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// claims returns good claims of the issuer's; a nil change takes a claim away.
func claims(issuer string, changes map[string]any) map[string]any {
	c := map[string]any{
		"iss": issuer, "aud": audience, "sub": user.String(), "organization_id": organization.String(),
		"role": "app_user", "email": "robin@example.com",
		"iat": startOfTime.Unix(), "exp": startOfTime.Add(time.Hour).Unix(),
	}
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// sign makes a token of a payload, with a key id where kid is not empty.
func sign(t testing.TB, algorithm jose.SignatureAlgorithm, key any, kid string, payload []byte) string {
	t.Helper()
	options := (&jose.SignerOptions{}).WithType("JWT")
	if kid != "" {
		options = options.WithHeader(jose.HeaderKey("kid"), kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: algorithm, Key: key}, options)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}
