package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/identity"
	"strongroom/internal/store"
)

// known answers for every organization alike.
type known struct {
	erased bool
	err    error
}

func (k known) Organization(_ context.Context, id uuid.UUID) (store.Organization, error) {
	o := store.Organization{ID: id}
	if k.erased {
		o.ErasedAt = &time.Time{}
	}
	return o, k.err
}

func TestUsersOfAnErasedOrganizationAreTurnedAway(t *testing.T) {
	for name, c := range map[string]struct {
		known known
		want  strongroom.Code
	}{
		"one that was erased":            {known{erased: true}, strongroom.CodeOrganizationErased},
		"one that is there":              {known{}, ""},
		"one that nothing was made for":  {known{err: store.ErrNotFound}, ""},
		"one that cannot be asked for":   {known{err: store.ErrUnavailable}, strongroom.CodeRepositoryUnavailable},
		"one that is asked for too long": {known{err: context.DeadlineExceeded}, strongroom.CodeRepositoryUnavailable},
	} {
		a, _ := withSecret(t, identity.ClaimPaths{})
		a.RefuseErased(c.known)
		p, err := a.Authenticate(t.Context(), identity.Presented{Authorization: []string{"Bearer " + hs256(t, nil)}})
		if strongroom.CodeOf(err) != c.want || (err == nil) == (p.ID == uuid.Nil) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
