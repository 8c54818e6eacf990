// Package keyservicetest has HTTP servers that speak the protocols of AWS KMS, Google
// Cloud KMS, Azure Key Vault and Vault's Transit engine as the services do: they check
// signatures and tokens, keep versions of keys, and answer errors in the service's form.
// They can be made to fail, to be disabled, and to go away and come back.
//
// It is for tests alone.
package keyservicetest
