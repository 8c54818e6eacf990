// Package dev is what `strongroom dev` does: the whole service on this machine, without
// any configuration, and shown at work.
//
// It owns the directory that holds everything (its keys, database, log and dev.json),
// who lives there (an organization, an admin, a member and a service account, found
// again at every start), and what is told on the screen:
//
//	listen ─► claim the directory ─► keys ─► app.Open ─► account and key ─► serve
//	   ─► four real HTTP calls: store, refused, fetched, on record ─► dev.json
//	   ─► lines to paste ─► serve until the context ends
//
// A start that was cut short anywhere is finished by the next one. What is damaged is
// made anew where that loses nothing (tokens, dev.json, the JWT secret); a lost root key
// loses every secret, so that one is said and left alone.
//
// It refuses to listen beyond this machine, to move into a directory that holds other
// things, and to touch a database other than its own.
package dev
