package custody

import (
	"context"

	"github.com/google/uuid"

	"strongroom/internal/store"
)

// ReadAhead looks up API keys for identity and, for a request that will open a
// credential, loads the sealed record with the key: one query in place of two. What was
// read ahead serves the request that asked for it and no other, so that nothing old is
// ever served; whether the caller may have it is decided as if it had been loaded later.
type ReadAhead struct {
	Store store.Accounts
}

type readAheadKey struct{}

// slot holds what was read ahead for one request.
type slot struct {
	id     uuid.UUID
	sealed *store.SealedCredential
}

// Expect says that the request of this context will open the credential.
func (ReadAhead) Expect(ctx context.Context, credential uuid.UUID) context.Context {
	return context.WithValue(ctx, readAheadKey{}, &slot{id: credential})
}

// KeyByHash looks up a key; its errors are the store's.
func (r ReadAhead) KeyByHash(ctx context.Context, hash [32]byte) (store.KeyHolder, error) {
	expected, ok := ctx.Value(readAheadKey{}).(*slot)
	if !ok {
		return r.Store.KeyByHash(ctx, hash)
	}
	holder, sealed, err := r.Store.KeyAndCredential(ctx, hash, expected.id)
	expected.sealed = sealed
	return holder, err
}

// sealed returns the record that was read ahead for this request, or else loads it. Once:
// a second look is a new one.
func (s *Service) sealed(ctx context.Context, organization, id uuid.UUID) (store.SealedCredential, error) {
	if expected, ok := ctx.Value(readAheadKey{}).(*slot); ok && expected.sealed != nil {
		sealed := *expected.sealed
		expected.sealed = nil
		if sealed.ID == id && sealed.OrganizationID == organization {
			return sealed, nil
		}
	}
	return s.Store.SealedCredential(ctx, organization, id)
}
