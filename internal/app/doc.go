// Package app puts the service together from a Config.
//
// It owns the configuration's one definition ([Config]: flags, environment and file are
// read into it by the command line), the order in which things are opened ([Open]), and
// the server's life ([App.Serve]):
//
//	Config.Validate → keeper → store → installation (is this the right root key?)
//	  → signing key → audit log → sealer → custody, accounts, rekey → identity → httpapi
//
// What fails there fails the start, with one sentence that says what to do. Nothing falls
// back: no other key, no in-memory database, no unsigned log.
//
// Only cmd and test harnesses import it.
package app
