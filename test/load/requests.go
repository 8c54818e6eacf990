package main

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
)

// requests are reads that are written down before the measurement begins, so that choosing
// among very many credentials is no part of it.
type requests struct {
	text []byte
	ends []int
	sent atomic.Int64
}

// newRequests makes n reads, each of a credential that is as likely as any other.
func newRequests(stock stocked, n int) *requests {
	r := &requests{ends: make([]int, n)}
	for i := range r.ends {
		c := rand.IntN(len(stock.ids))
		r.text = fmt.Appendf(r.text, "GET /api/integrations/credentials/%s/credentials HTTP/1.1\r\nHost: localhost\r\nX-API-Key: %s\r\n\r\n", stock.ids[c], stock.key(c))
		r.ends[i] = len(r.text)
	}
	return r
}

// next returns a request that nobody has been given yet; nil where there are no more.
func (r *requests) next() []byte {
	i := int(r.sent.Add(1)) - 1
	if i >= len(r.ends) {
		return nil
	}
	start := 0
	if i > 0 {
		start = r.ends[i-1]
	}
	return r.text[start:r.ends[i]]
}
