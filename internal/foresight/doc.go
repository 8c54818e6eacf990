// Package foresight says what of a credential will end soon, while there is still time to
// do something about it: a CA certificate, the server's certificate, a shared access
// signature, a client secret, the grant behind OAuth tokens.
//
// It owns which ends are known, from when on a person is told, and the sentences. It is
// pure: the time is an argument, and it reads nothing but what it is given.
//
// It refuses to repeat anything of the data but dates.
package foresight
