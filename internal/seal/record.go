package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
)

// A sealed record:
//
//	offset  bytes
//	0       1      format, recordFormat
//	1       8      version of the organization's key, big endian
//	9       12     nonce
//	21      n      ciphertext of n bytes of plaintext
//	21+n    16     tag
const (
	recordFormat = 1
	headerSize   = 1 + 8
	gcmOverhead  = 12 + 16
	bindingSize  = 16 + 16 + 8
	// MaxPlaintext is the most that Seal takes, in bytes.
	MaxPlaintext = 1 << 20
)

// Purpose is what sort of record is sealed. A record of one opens for no other: a row that
// is copied into another table is worth nothing there.
type Purpose string

// The purposes of records.
const (
	// Credential is the data of a credential, which the one door hands out.
	Credential Purpose = ""
	// OAuthClient is the secret of an organization's OAuth client.
	OAuthClient Purpose = "oauth-client"
	// OAuthFlow is what a connection under way has to remember.
	OAuthFlow Purpose = "oauth-flow"
	// Rotation is what a rotation under way has to remember: the new secret first of all.
	Rotation Purpose = "rotation"
)

// infoOrganization and the purposes' texts begin what keys are derived and bound with.
// Everything after them is of fixed width, so that no two inputs read the same.
const infoOrganization = "strongroom/organization-key/v1"

var infoRecord = map[Purpose]string{
	Credential:  "strongroom/record/v1",
	OAuthClient: "strongroom/oauth-client/v1",
	OAuthFlow:   "strongroom/oauth-flow/v1",
	Rotation:    "strongroom/rotation/v1",
}

// Purposes are all that records are sealed for.
func Purposes() []Purpose { return slices.Sorted(maps.Keys(infoRecord)) }

// Binding says what a record belongs to; it opens for nothing else.
type Binding struct {
	Purpose                  Purpose
	OrganizationID, RecordID uuid.UUID
	// Version is the record's, from 1.
	Version int64
}

func (b Binding) check() error {
	if b.OrganizationID == uuid.Nil || b.RecordID == uuid.Nil || b.Version < 1 || infoRecord[b.Purpose] == "" {
		return errors.New("a sealed record needs a known purpose, an organization, an id and a version from 1")
	}
	return nil
}

func (b Binding) appendTo(out []byte) []byte {
	out = append(out, b.OrganizationID[:]...)
	out = append(out, b.RecordID[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(b.Version))
}

// associated returns what GCM authenticates beside a record's ciphertext.
func (b Binding) associated(header []byte) []byte {
	return b.appendTo(append(make([]byte, 0, headerSize+bindingSize), header...))
}

func newHeader(keyVersion int64, plaintext int) []byte {
	out := make([]byte, 0, headerSize+plaintext+gcmOverhead)
	return binary.BigEndian.AppendUint64(append(out, recordFormat), uint64(keyVersion))
}

// split returns a record's header, the key version in it, and its ciphertext.
func split(sealed []byte) (header []byte, keyVersion int64, ciphertext []byte, err error) {
	if len(sealed) < headerSize+gcmOverhead || len(sealed) > headerSize+MaxPlaintext+gcmOverhead || sealed[0] != recordFormat {
		return nil, 0, nil, ErrTampered
	}
	header, ciphertext = sealed[:headerSize], sealed[headerSize:]
	return header, int64(binary.BigEndian.Uint64(header[1:])), ciphertext, nil
}

// KeyVersion returns the version of the organization's key that a record is sealed under, as
// it says itself. ErrTampered where it is no record.
func KeyVersion(sealed []byte) (int64, error) {
	_, version, _, err := split(sealed)
	return version, err
}

// organizationKey is one version of an organization's key, ready to derive from.
type organizationKey struct {
	version int64
	// prk is what HKDF-Extract made of the key (RFC 5869, section 2.2), kept instead of
	// the key so that a record costs HKDF-Expand alone.
	prk [sha256.Size]byte
}

func newOrganizationKey(version int64, key []byte) (organizationKey, error) {
	prk, err := hkdf.Extract(sha256.New, key, nil)
	if err != nil {
		return organizationKey{}, fmt.Errorf("HKDF-Extract: %w", err)
	}
	defer clear(prk)
	return organizationKey{version: version, prk: [sha256.Size]byte(prk)}, nil
}

// recordAEAD returns the cipher of the one record that the binding names.
func (k *organizationKey) recordAEAD(b Binding) (cipher.AEAD, error) {
	prefix := infoRecord[b.Purpose]
	info := b.appendTo(append(make([]byte, 0, len(prefix)+bindingSize), prefix...))
	key, err := hkdf.Expand(sha256.New, k.prk[:], string(info), aesKeySize)
	if err != nil {
		return nil, fmt.Errorf("HKDF-Expand: %w", err)
	}
	defer clear(key)
	return newAEAD(key)
}

// seal encrypts under the key, which it clears.
func (k *organizationKey) seal(b Binding, plain []byte) ([]byte, error) {
	defer clear(k.prk[:])
	aead, err := k.recordAEAD(b)
	if err != nil {
		return nil, err
	}
	header := newHeader(k.version, len(plain))
	return aead.Seal(header, nil, plain, b.associated(header)), nil
}

// organizationAssociated binds a wrapped organization key to its place.
func organizationAssociated(organization uuid.UUID, version int64) []byte {
	out := append([]byte(infoOrganization), organization[:]...)
	return binary.BigEndian.AppendUint64(out, uint64(version))
}
