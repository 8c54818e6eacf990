package rekey

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// KeyStatus is a version of an organization's key and what it seals.
type KeyStatus struct {
	strongroom.OrganizationKey
	Sealed map[store.SealedKind]int
}

// Records counts what it seals.
func (k KeyStatus) Records() (n int) {
	for _, of := range k.Sealed {
		n += of
	}
	return n
}

// OrganizationStatus is an organization's keys, oldest first.
type OrganizationStatus struct {
	store.Organization
	Keys []KeyStatus
	// Lost counts what is sealed under a key that is not there, or has no known form.
	Lost int
}

// Older counts what is not sealed under the newest key.
func (o OrganizationStatus) Older() (n int) {
	for i, k := range o.Keys {
		if i < len(o.Keys)-1 {
			n += k.Records()
		}
	}
	return n
}

// Status is every key there is.
type Status struct {
	Installation  store.Installation
	Organizations []OrganizationStatus
	Signing       []store.SigningKey
}

// Look reads which keys there are and what each seals; of one organization, or of all for
// the nil UUID. The wrapped keys are left out.
func Look(ctx context.Context, s store.Store, organization uuid.UUID) (status Status, err error) {
	status.Installation, err = s.Installation(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return status, errors.New("the database has not been set up: start the server once")
	}
	if err != nil {
		return status, fmt.Errorf("the database cannot be read: %w", err)
	}
	if status.Signing, err = s.SigningKeys(ctx); err != nil {
		return status, fmt.Errorf("the audit signing keys cannot be read: %w", err)
	}
	for i := range status.Signing {
		status.Signing[i].WrappedPrivate = nil
	}
	// In this order, what comes meanwhile has its key.
	counts, err := s.CountSealed(ctx, organization)
	if err != nil {
		return status, fmt.Errorf("what is sealed cannot be counted: %w", err)
	}
	keys, err := s.OrganizationKeys(ctx)
	if err != nil {
		return status, fmt.Errorf("the organizations' keys cannot be read: %w", err)
	}
	organizations, err := lookFor(ctx, s, organization)
	if err != nil {
		return status, err
	}
	status.Organizations = sortOut(organizations, keys, counts)
	return status, nil
}

func lookFor(ctx context.Context, s store.Store, organization uuid.UUID) ([]store.Organization, error) {
	if organization == uuid.Nil {
		all, err := s.Organizations(ctx)
		if err != nil {
			return nil, fmt.Errorf("the organizations cannot be read: %w", err)
		}
		return all, nil
	}
	one, err := s.Organization(ctx, organization)
	return []store.Organization{one}, store.Explain(err, "Organization")
}

// sortOut gives each organization its keys, and each key what it seals.
func sortOut(organizations []store.Organization, keys []strongroom.OrganizationKey, counts []store.SealedCount) []OrganizationStatus {
	list := make([]OrganizationStatus, len(organizations))
	place := make(map[uuid.UUID]int, len(organizations))
	for i, o := range organizations {
		list[i].Organization, place[o.ID] = o, i
	}
	for _, k := range keys {
		if i, ok := place[k.OrganizationID]; ok {
			k.Wrapped = nil
			list[i].Keys = append(list[i].Keys, KeyStatus{OrganizationKey: k, Sealed: map[store.SealedKind]int{}})
		}
	}
	for _, c := range counts {
		i, ok := place[c.OrganizationID]
		if !ok || list[i].ErasedAt != nil {
			continue
		}
		at, ok := slices.BinarySearchFunc(list[i].Keys, c.KeyVersion, func(k KeyStatus, version int64) int { return cmp.Compare(k.Version, version) })
		if !ok {
			list[i].Lost += c.Count
			continue
		}
		list[i].Keys[at].Sealed[c.Kind] += c.Count
	}
	slices.SortFunc(list, func(a, b OrganizationStatus) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return list
}
