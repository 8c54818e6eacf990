// Package client is the Go SDK of Strongroom: how a program fetches credentials and asks
// whether they work.
//
//	c, err := client.New(client.Options{URL: "https://strongroom.example.com", Key: key})
//	data, err := c.Open(ctx, id) // a JSON object, as it was stored, with a fresh token
//	defer data.Destroy()
//
// It owns the calls that a service account makes, their bounds (sizes, deadlines, when to
// ask again) and what an answer that is no success means: [Error]. What it hands out is a
// [secret.Value], which prints and logs as [redacted].
//
// It refuses to keep anything: no answer is cached, so that a deleted key or a replaced
// secret counts from the next call on. [Client.OpenIfChanged] is for callers that hold the
// data themselves. It follows no redirect, since the API key would go along, and it imports
// nothing of the server but the shapes of its answers.
package client
