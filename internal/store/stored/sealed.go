package stored

import "encoding/binary"

// What a store may know of the form of a sealed record, whose owner is package seal: it
// begins with a format and the version of the organization's key, big endian. That is
// enough to find what an older key seals.
const (
	sealedFormat = 1
	// SealedHeader is how many bytes SealedUnder returns.
	SealedHeader = 1 + 8
)

// SealedUnder returns how every record begins that is sealed under a version of its
// organization's key.
func SealedUnder(keyVersion int64) []byte {
	return binary.BigEndian.AppendUint64([]byte{sealedFormat}, uint64(keyVersion))
}

// KeyVersion returns the version that a record's beginning names; 0 where it has another form.
func KeyVersion(sealed []byte) int64 {
	if len(sealed) < SealedHeader || sealed[0] != sealedFormat {
		return 0
	}
	if v := int64(binary.BigEndian.Uint64(sealed[1:SealedHeader])); v > 0 {
		return v
	}
	return 0
}
