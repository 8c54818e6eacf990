// Package sshkey reads the keys of SSH in the forms in which people have them: private keys
// (PEM and OpenSSH, protected or not), host keys (a line of known_hosts, a public key, a
// SHA256 fingerprint) and the line that a first connection leaves behind.
//
// It owns the rules of what is taken, so that what may be stored can also be used, and the
// sentences in which the rest is refused. It knows no server and makes no connection, and it
// never repeats what it was given.
package sshkey
