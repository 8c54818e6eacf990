package identity

import (
	"context"
	"crypto/subtle"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

const (
	// maxToken bounds a JWT, in bytes. API keys have fixed lengths, 75 at most.
	maxToken = 8 << 10
	// storeRetry is when to come back while the database is away.
	storeRetry = time.Second
)

// Keys finds API keys; store.ErrNotFound where there is none.
type Keys interface {
	KeyByHash(ctx context.Context, hash [32]byte) (store.KeyHolder, error)
}

// Organizations tells which have been erased; store.ErrNotFound where nothing was ever made
// for one.
type Organizations interface {
	Organization(ctx context.Context, id uuid.UUID) (store.Organization, error)
}

// Authenticator finds out who calls. It is safe for concurrent use.
type Authenticator struct {
	keys    Keys
	issuers map[string][]*Issuer
	clock   strongroom.Clock
	// organizations is nil where nobody is asked.
	organizations Organizations
}

// New makes an authenticator. With no issuers, no user is let in. Issuers may share a
// name (while one moves from a secret to a JWKS, say): each is then asked in turn.
func New(keys Keys, issuers []*Issuer, clock strongroom.Clock) *Authenticator {
	a := &Authenticator{keys: keys, issuers: map[string][]*Issuer{}, clock: clock}
	for _, i := range issuers {
		a.issuers[i.name] = append(a.issuers[i.name], i)
	}
	return a
}

// RefuseErased has users of erased organizations turned away. (Keys of theirs are gone.) It
// is for use before the first Authenticate.
func (a *Authenticator) RefuseErased(o Organizations) { a.organizations = o }

// Authenticate returns who calls. All errors are *strongroom.Error: CodeUnauthorized,
// CodeBadRequest for a system service account that names no organization,
// CodeOrganizationErased for a user of an erased one,
// CodeRepositoryUnavailable, CodeRepository and CodeKeyUnavailable where nobody can
// know whether the credential is good.
func (a *Authenticator) Authenticate(ctx context.Context, p Presented) (strongroom.Principal, error) {
	token, isKey, err := p.credential()
	if err != nil {
		return strongroom.Principal{}, err
	}
	if !isKey {
		return a.user(ctx, token)
	}
	holder, err := a.holder(ctx, token)
	if err != nil {
		return strongroom.Principal{}, err
	}
	principal := strongroom.Principal{
		Kind: strongroom.KindServiceAccount, ID: holder.Account.ID,
		KeyID: holder.Key.ID, Grants: holder.Account.Grants,
	}
	if !holder.Account.System() {
		principal.OrganizationID = *holder.Account.OrganizationID
		return principal, nil
	}
	principal.Kind = strongroom.KindSystemServiceAccount
	if principal.OrganizationID, err = p.organization(); err != nil {
		return strongroom.Principal{}, err
	}
	return principal, nil
}

// holder returns the key and account that a token opens for, now.
func (a *Authenticator) holder(ctx context.Context, token string) (store.KeyHolder, error) {
	hash, err := HashAPIKey(token)
	if err != nil {
		return store.KeyHolder{}, unauthorized("The API key is mistyped or cut off")
	}
	holder, err := a.keys.KeyByHash(ctx, hash)
	if err != nil {
		return store.KeyHolder{}, lookupError(err)
	}
	key, account := holder.Key, holder.Account
	switch {
	case subtle.ConstantTimeCompare(holder.Hash[:], hash[:]) != 1,
		key.ServiceAccountID != account.ID,
		!same(key.OrganizationID, account.OrganizationID),
		!strings.HasPrefix(token, keyFront(account.OrganizationID, account.ID)):
		return store.KeyHolder{}, errUnknownAPIKey
	case account.Status != strongroom.ServiceAccountActive:
		return store.KeyHolder{}, unauthorized("The API key's service account is not active")
	case key.ExpiresAt != nil && !a.clock.Now().Before(*key.ExpiresAt):
		return store.KeyHolder{}, unauthorized("The API key has expired")
	}
	return holder, nil
}

var errUnknownAPIKey = unauthorized("The API key is not known; it may have been deleted")

// erased refuses an organization that was erased.
func (a *Authenticator) erased(ctx context.Context, id uuid.UUID) error {
	if a.organizations == nil {
		return nil
	}
	o, err := a.organizations.Organization(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return store.Explain(err, "Organization")
	case o.ErasedAt != nil:
		return strongroom.Erased()
	}
	return nil
}

// lookupError keeps a database that is away from looking like a bad key.
func lookupError(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return errUnknownAPIKey
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return strongroom.Unavailable(strongroom.CodeRepositoryUnavailable, "API keys cannot be looked up now; try again", storeRetry).Because(err)
	}
	return strongroom.Errorf(strongroom.CodeRepository, "The API key could not be looked up").Because(err)
}

func same(a, b *uuid.UUID) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

// user returns the user that a JWT speaks for.
func (a *Authenticator) user(ctx context.Context, text string) (strongroom.Principal, error) {
	if len(text) > maxToken {
		return strongroom.Principal{}, unauthorized("The token is too long")
	}
	token, err := jwt.ParseSigned(text, everyAlgorithm)
	if err != nil {
		return strongroom.Principal{}, unauthorized("The token is not a JWT that is signed with an accepted algorithm")
	}
	// Not verified yet: it chooses who has to verify it and nothing else.
	var claimed struct {
		Issuer string `json:"iss"`
	}
	if err := token.UnsafeClaimsWithoutVerification(&claimed); err != nil {
		return strongroom.Principal{}, errClaims
	}
	refusal := unauthorized("The token's issuer is not accepted")
	for _, issuer := range a.issuers[claimed.Issuer] {
		principal, err := issuer.principal(ctx, token)
		if err == nil {
			if err := a.erased(ctx, principal.OrganizationID); err != nil {
				return strongroom.Principal{}, err
			}
			return principal, nil
		}
		// One issuer's refusal does not settle what another of the name cannot know now.
		if strongroom.CodeOf(refusal) == strongroom.CodeUnauthorized {
			refusal = err
		}
	}
	return strongroom.Principal{}, refusal
}
