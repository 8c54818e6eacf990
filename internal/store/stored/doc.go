// Package stored is the form in which every backend keeps what it does not look into: lists
// and grants, as JSON.
//
// It refuses to follow the types of the root package: a field that is renamed there does not
// change what is in a database.
package stored
