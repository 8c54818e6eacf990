// Package custody is the authority over credentials: it decides, records, loads, has stale
// tokens renewed, opens.
//
// It owns the one way a secret goes in and the one way it comes out. [Service] asks
// policy whether the caller may, has the data checked against the catalog, sealed and
// stored, and puts every act on record: a change in the same transaction as its event,
// a read before its plaintext leaves this package.
//
//	Open(caller, id)
//	  ├─ policy.Decide ........... may this caller open anything at all?
//	  ├─ store.SealedCredential .. with the caller's organization in the query
//	  ├─ policy.Decide ........... and this one?
//	  ├─ oauth.Plan .............. is its token stale? Then Renewer renews it, and the two
//	  │                            steps above are taken again
//	  ├─ seal.Open ............... bound to organization, credential, version
//	  └─ audit.Record ............ durable, or the plaintext is destroyed and nobody gets it
//
// It refuses to know how it was asked (no net/http) and where things are kept (no
// database/sql). A caller is the second argument of every method; there is no call
// without one.
package custody
