package endpoint

import "io"

// MaxEntries is exported for the test of the bound.
const MaxEntries = maxEntries

// NewContent makes a request's body.
func NewContent(b []byte) io.ReadCloser { return &content{bytes: b} }
