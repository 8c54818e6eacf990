// Package store is what the rest of the service may ask of a database: records of
// ciphertext and of the audit log, read and written within one organization.
//
// It owns the interface ([Store], [Tx]), the records that have no meaning outside a
// database, and the errors every backend answers with. The conformance suite that
// every backend passes is in storetest.
//
// It refuses plaintext: it imports neither secret nor seal, so it could not hold a
// secret if it wanted to. Every method about what an organization owns takes the
// organization, and answers ErrNotFound for anything that is another's.
//
//	custody, accounts ──► audit.Log ──► Store.Write(func(Tx)) ──► sqlite, postgres
//	        └───────────── reads ──────► Store
package store
