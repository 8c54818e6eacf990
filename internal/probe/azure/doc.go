// Package azure tests credentials of Azure Blob Storage: an account key, a shared access
// signature (SAS) as a token or in a URL, a connection string, or an application of
// Microsoft Entra.
//
//	data ─► target ─► token, for an application ─► list one blob, or one container ─► Result
//	  │                                              │
//	  └─ what cannot work is said without connecting └─ a SAS that may not list: look at a
//	                                                    blob that need not exist
//
// It owns the reading of the forms, the call that asks for the least, and the sentences for
// Azure's error codes. The service is asked by Microsoft's own library, which signs the
// requests.
//
// It refuses plain HTTP to anything but this machine, redirects, retries, and whatever the
// library would take from the process's environment. The library is not given the token as
// a credential: it would, on a server's word, ask for one for another service and send it
// there.
package azure
