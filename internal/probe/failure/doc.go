// Package failure says in the contract's codes and in sentences for people why a
// connection came to nothing.
//
// It owns what does not depend on what the connection was for: a name that is not
// resolved, an address that is not connected to, a refusal, silence, a certificate, a
// connection that broke off, and a server that is busy or out of order.
//
// It refuses to repeat any word of an error: those name addresses of the inside, and URLs
// with their queries.
package failure
