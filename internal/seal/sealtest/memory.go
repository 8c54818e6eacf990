package sealtest

import (
	"bytes"
	"context"
	"sync"

	"github.com/google/uuid"

	"strongroom"
)

// MemoryKeys is a seal.KeyStore in memory. The zero value is empty and ready. It is
// safe for concurrent use.
type MemoryKeys struct {
	mu   sync.Mutex
	keys map[uuid.UUID]map[int64]strongroom.OrganizationKey
	root string
	err  error
}

// SetRoot says which root key wraps new keys, by its fingerprint.
func (m *MemoryKeys) SetRoot(fingerprint string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.root = fingerprint
}

// RootFingerprint implements seal.KeyStore.
func (m *MemoryKeys) RootFingerprint(ctx context.Context) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.root, m.failure(ctx)
}

// Fail makes every call return err, until it is called with nil.
func (m *MemoryKeys) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
}

// Put stores a key, in place of one of the same version.
func (m *MemoryKeys) Put(key strongroom.OrganizationKey) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key)
}

func (m *MemoryKeys) put(key strongroom.OrganizationKey) {
	if m.keys == nil {
		m.keys = map[uuid.UUID]map[int64]strongroom.OrganizationKey{}
	}
	if m.keys[key.OrganizationID] == nil {
		m.keys[key.OrganizationID] = map[int64]strongroom.OrganizationKey{}
	}
	m.keys[key.OrganizationID][key.Version] = copied(key)
}

// OrganizationKey implements seal.KeyStore.
func (m *MemoryKeys) OrganizationKey(ctx context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return strongroom.OrganizationKey{}, false, err
	}
	key, found := m.keys[organization][version]
	return copied(key), found, nil
}

// CurrentOrganizationKey implements seal.KeyStore.
func (m *MemoryKeys) CurrentOrganizationKey(ctx context.Context, organization uuid.UUID) (strongroom.OrganizationKey, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return strongroom.OrganizationKey{}, false, err
	}
	var newest strongroom.OrganizationKey
	for _, key := range m.keys[organization] {
		if key.Version > newest.Version {
			newest = key
		}
	}
	return copied(newest), newest.Version > 0, nil
}

// CreateOrganizationKey implements seal.KeyStore.
func (m *MemoryKeys) CreateOrganizationKey(ctx context.Context, key strongroom.OrganizationKey) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.failure(ctx); err != nil {
		return false, err
	}
	if _, found := m.keys[key.OrganizationID][key.Version]; found {
		return false, nil
	}
	m.put(key)
	return true, nil
}

func (m *MemoryKeys) failure(ctx context.Context) error {
	if m.err != nil {
		return m.err
	}
	return ctx.Err()
}

// copied keeps what is stored apart from what callers hold.
func copied(key strongroom.OrganizationKey) strongroom.OrganizationKey {
	key.Wrapped = bytes.Clone(key.Wrapped)
	return key
}
