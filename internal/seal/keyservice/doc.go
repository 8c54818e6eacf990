// Package keyservice keeps root keys in AWS KMS, Google Cloud KMS, Azure Key Vault, and
// the Transit engine of Vault and OpenBao.
//
// It owns what is said to each of them, and what their answers mean; how a key is wrapped
// and bound to its place is [seal.Remote]'s.
//
//	seal.Remote ─► kms, cloudKMS, keyVault, transit ─► caller ─► internal/outbound ─► service
//	               what to say, what an answer means    deadline, bounds, JSON
//	                          └─► the platform's own library: credentials, and AWS's signature
//
// A service's libraries are used for what is hard and theirs, finding credentials (the
// environment, files, the identity of the instance or workload) and signing with them.
// The two or three calls of JSON over HTTP are made here, so that one deadline, one bound
// on answers and one judgement of errors hold for all of them.
//
// An error is one of three. Away: nobody answers, or not as the service would (5xx, too
// many requests, HTML of a proxy between); asking again may help. Refused
// ([seal.ErrRefused]): the service itself says no. [seal.ErrTampered]: the service itself
// says that the ciphertext is not its own. Only an error in the service's own form is
// believed to be its own.
//
// It refuses plain HTTP beyond this machine, redirects, answers over 64 KiB, keys that can
// encrypt without the service's knowledge (but for Key Vault's, whose ciphertexts are
// signed), and repeats nothing of an answer or a credential in its errors.
package keyservice
