// Package entra signs an application in at Microsoft Entra with its client secret.
//
// It owns the one request that brings a token (RFC 6749, section 4.4), and the sentences
// for Entra's refusals.
//
// It refuses to send the secret over plain HTTP, but to this machine, and a tenant that
// would leave its place in the address. It refuses Microsoft's library: that one asks the
// process's environment for a region (AZURE_REGIONAL_AUTHORITY_NAME, MSAL_FORCE_REGION),
// may ask the metadata service of the machine past the guard, and turns a connection's
// error into text.
package entra
