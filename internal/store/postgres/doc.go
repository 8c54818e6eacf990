// Package postgres implements store.Store on PostgreSQL, version 14 and later, for many
// processes at once.
//
// It owns the schema (migrations), the connections, and what PostgreSQL's errors mean to the
// store. It refuses to serve as a role that row-level security does not hold, a schema that
// is not its own or the next, and plaintext: like package store it imports neither secret nor
// seal.
//
//	look-ups ─► flight: set the organization │ query ──────────────────► one round trip
//	Write ────► flights of the steps … flight: what is left │ COMMIT ──► one, for an audit batch
//	snapshot ─► REPEATABLE READ, page by page
//
// # Flights
//
// Statements that belong together travel together, and are answered together: a [flight] is
// a pipeline of the extended protocol with one Sync at its end. What stands before the Sync
// is one transaction, so that a look-up sets its organization, is answered and forgets it
// again in one round trip. Statements are unnamed, with the types of their parameters given
// and values in binary: nothing is prepared, described or cached, and no connection has a
// state, so that any pooler in transaction mode may stand between (PgBouncer learnt named
// statements in 1.21; Debian's is older). What that costs is planning each statement anew;
// the two of a secrets read are functions, which the server plans once a connection, and
// the first answers with whole rows in place of sixty columns.
//
// The look-ups of many readers at once share flights ([together]): each stays a call of its
// own, for its own key and organization, but the round trip, the transaction and the planning
// are paid once. Whoever asks is answered by a flight that left later.
//
// # Row-level security
//
// Every query names the organization, and every policy asks for the one that was set for
// the transaction (set_config, local): a query that forgot to name it still gets nothing of
// another's, and one that set none gets nothing. Whose organization is not known yet (a key,
// a flow), and what is over all of them by design (claims, the audit log's verification),
// goes through functions of the owner, each for one purpose.
//
// # Several writers
//
// Transactions are READ COMMITTED. Every compare-and-swap is one UPDATE, which waits for the
// row and judges it anew; claims skip what somebody else is claiming; limits are counted
// under a lock of the organization's. Where PostgreSQL takes a transaction back because of
// another's (a deadlock, a serialization failure), it is played again, as long as it is
// answered as before: the function that wrote it runs once.
//
// # A server that goes away
//
// A look-up on a connection that turns out to be broken is asked once more on a new one.
// A write is not, since nobody knows whether it was kept: it answers store.ErrUnavailable,
// and the audit log finds out. No connection needs more than a server that is back.
package postgres
