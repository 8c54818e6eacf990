// Package seal encrypts what is kept, in envelopes.
//
// It owns the key hierarchy, the form of a sealed record, and the keepers that hold
// root keys:
//
//	root key              in a Keeper: a local file or variable, or a key service
//	   │ wraps            associated data: purpose, organization, version
//	organization key      32 bytes, versioned; wrapped in the KeyStore, plain in a
//	   │ HKDF-SHA256      bounded cache
//	record key            one for each version of each credential, never kept
//	   │ AES-256-GCM      associated data: everything in the record's Binding
//	sealed record
//
// A process has one keeper, or two while one root key takes the place of another; of those the
// one is asked whose fingerprint stands beside a wrapped key. A keeper is asked when an
// organization's key is made or first used by the process, never per record. What was sealed
// for one organization, credential and version opens for no other.
//
// It refuses to guess. A record that is not exactly what Seal returned is
// ErrTampered, a key version that nobody has is ErrUnknownKey, a root key other than
// those at hand is ErrWrongRoot: another key is never tried, and a failed Open
// returns no bytes. It imports neither the store nor custody, and no cryptography
// but the standard library's, so that it runs in FIPS 140-3 mode.
package seal
