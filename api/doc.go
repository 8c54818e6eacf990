// Package api holds what travels: the JSON bodies of requests and responses, shared by
// the server and the Go SDK.
//
// It owns shapes and their documentation (the struct tags that the OpenAPI document is
// made from), and nothing that decides anything. It imports nothing of ours, so that an
// SDK pulls in no server.
//
// Times are RFC 3339 in UTC. Ids are UUIDs in text form. A nullable field is null, never
// left out. Clients ignore fields they do not know.
package api
