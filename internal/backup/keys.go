package backup

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/store"
)

// keySet is what a keys file holds. It implements seal.KeyStore.
type keySet struct {
	Header        Header
	Signing       []store.SigningKey // newest first
	Organizations []strongroom.OrganizationKey
	// Erased are the organizations that were, and when, as the database has it.
	Erased map[uuid.UUID][]byte

	// rows are what it holds as a dump has it, by table.
	rows map[string][]store.Row
	seal *signature
}

// readKeys reads a keys file. It is not known to be genuine before verify.
func readKeys(path string) (*keySet, error) {
	f, r, err := opened(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	k := &keySet{Header: r.Header, rows: map[string][]store.Row{}}
	if r.Header.Content != Keys {
		return nil, about(path, r.judge(errors.New("it is no keys file: --keys names strongroom.keys, which stands beside the backups")))
	}
	return k, about(path, k.read(r))
}

func (k *keySet) read(r *reader) error {
	for {
		more, err := r.next()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		t, convert, err := current(r.table)
		if err != nil {
			return r.judge(err)
		}
		if !t.Keys && !t.Shared {
			return r.judge(fmt.Errorf("%w: a keys file has no table %s", errMalformed, t.Name))
		}
		k.rows[t.Name] = []store.Row{}
		for {
			row, err := r.nextRow()
			if err != nil {
				return err
			}
			if row == nil {
				break
			}
			k.rows[t.Name] = append(k.rows[t.Name], convert(row).Clone())
		}
	}
	k.seal = r.seal
	if err := complete(r, true); err != nil {
		return err
	}
	k.decode()
	return nil
}

// decode makes records of the rows.
func (k *keySet) decode() {
	t := store.TableNamed("signing_keys")
	id, public, private, created := t.Column("id"), t.Column("public"), t.Column("wrapped_private"), t.Column("created_at")
	by, retired := t.Column("root_fingerprint"), t.Column("retired_at")
	for _, r := range k.rows[t.Name] {
		k.Signing = append(k.Signing, store.SigningKey{
			ID: store.DecodeUUID(r[id]), Public: r[public], WrappedPrivate: r[private], CreatedAt: store.DecodeTime(r[created]),
			RootFingerprint: string(r[by]), RetiredAt: optionalTime(r[retired]),
		})
	}
	slices.SortFunc(k.Signing, func(a, b store.SigningKey) int {
		if n := b.CreatedAt.Compare(a.CreatedAt); n != 0 {
			return n
		}
		return bytes.Compare(b.ID[:], a.ID[:])
	})
	t = store.TableNamed("organizations")
	k.Erased = map[uuid.UUID][]byte{}
	for _, r := range k.rows[t.Name] {
		if at := r[t.Column("erased_at")]; at != nil {
			k.Erased[store.DecodeUUID(r[t.Column("id")])] = at
		}
	}
	t = store.TableNamed("organization_keys")
	organization, version, wrapped, root, created := t.Column("organization_id"), t.Column("version"), t.Column("wrapped"), t.Column("root_fingerprint"), t.Column("created_at")
	for _, r := range k.rows[t.Name] {
		k.Organizations = append(k.Organizations, strongroom.OrganizationKey{
			OrganizationID: store.DecodeUUID(r[organization]), Version: store.DecodeInt(r[version]), Wrapped: r[wrapped],
			RootFingerprint: string(r[root]), CreatedAt: store.DecodeTime(r[created]),
		})
	}
}

func optionalTime(v []byte) *time.Time {
	if v == nil {
		return nil
	}
	at := store.DecodeTime(v)
	return &at
}

// verify makes sure that the file is what an installation wrote that has these keys.
func (k *keySet) verify(path string, keys map[uuid.UUID]ed25519.PublicKey) error {
	return about(path, k.seal.verify(keys))
}

// of returns the versions of an organization's key, oldest first.
func (k *keySet) of(organization uuid.UUID) []strongroom.OrganizationKey {
	first, found := slices.BinarySearchFunc(k.Organizations, organization, func(o strongroom.OrganizationKey, id uuid.UUID) int {
		return bytes.Compare(o.OrganizationID[:], id[:])
	})
	if !found {
		return nil
	}
	last := first
	for last < len(k.Organizations) && k.Organizations[last].OrganizationID == organization {
		last++
	}
	return k.Organizations[first:last]
}

// OrganizationKey implements seal.KeyStore.
func (k *keySet) OrganizationKey(_ context.Context, organization uuid.UUID, version int64) (strongroom.OrganizationKey, bool, error) {
	for _, o := range k.of(organization) {
		if o.Version == version {
			return o, true, nil
		}
	}
	return strongroom.OrganizationKey{}, false, nil
}

// CurrentOrganizationKey implements seal.KeyStore.
func (k *keySet) CurrentOrganizationKey(_ context.Context, organization uuid.UUID) (strongroom.OrganizationKey, bool, error) {
	versions := k.of(organization)
	if len(versions) == 0 {
		return strongroom.OrganizationKey{}, false, nil
	}
	return versions[len(versions)-1], true, nil
}

// RootFingerprint implements seal.KeyStore.
func (k *keySet) RootFingerprint(context.Context) (string, error) {
	return k.Header.RootFingerprint, nil
}

// CreateOrganizationKey implements seal.KeyStore: nothing is sealed here.
func (k *keySet) CreateOrganizationKey(context.Context, strongroom.OrganizationKey) (bool, error) {
	return false, errors.New("a backup's keys do not change")
}

// replaceable looks at the keys file that is there, and tells whether one of this header may
// take its place: false where it is newer, as another backup's that ran meanwhile is. One of
// the future is an error: it would stay for ever, and never get the keys made meanwhile.
func replaceable(path string, h Header, now time.Time, keys map[uuid.UUID]ed25519.PublicKey) (bool, error) {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	k, err := readKeys(path)
	switch {
	case err != nil:
		return false, fmt.Errorf("the keys file is not replaced, for what stands there may be another's: name one of this installation's with --keys, or move that away: %w", err)
	case k.Header.InstallationID != h.InstallationID:
		return false, fmt.Errorf("%s is the keys file of another installation (%s, this one is %s), whose backups would not open without it: name another file with --keys", path, k.Header.InstallationID, h.InstallationID)
	}
	// Somebody who puts a file there that claims to be newer does not stop this one.
	if k.seal.verify(keys) != nil || !k.Header.CreatedAt.After(h.CreatedAt) {
		return true, nil
	}
	if k.Header.CreatedAt.After(now) {
		return false, fmt.Errorf("the keys file %s is of %s, which has not come yet: set the clocks of the machines that make backups right, and move that file away if it was written by a wrong one", path, k.Header.CreatedAt.Format(timeFormat))
	}
	return false, nil
}
