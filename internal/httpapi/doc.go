// Package httpapi serves the HTTP contract.
//
// It owns routes, limits, the error envelope and the one table of statuses, the
// OpenAPI document and its readable form. A request goes through the same doors
// whichever call it is for:
//
//	handler (server.go)
//	  ├─ request id, log line, metrics, panic guard .. observe.go
//	  ├─ concurrency and address limits .............. limits.go
//	  └─ operation (operation.go)
//	       ├─ identity: who calls? ................... authenticate.go
//	       ├─ the principal's limit
//	       ├─ body and query against their schema .... decode.go, query.go
//	       └─ a handler of a few lines over a service of the root package
//
// An operation is described once: what is served and what /openapi.json says of it come
// from the same value.
//
// It refuses to decide who may do what (policy does, behind the services), to know where
// anything is stored (no store) or how it is encrypted (no seal). It never logs a body,
// and the only call of secret.Value.Reveal that leads out of the process is in open.go.
package httpapi
