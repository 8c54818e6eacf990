// Package bounded keeps a server that a user names from filling this service's memory.
//
// It owns the bound on what a connection test reads of one answer, be it an HTTP body or
// all that comes over a connection.
//
// It refuses to cut an answer short in silence: half of one must not pass for the whole.
package bounded
