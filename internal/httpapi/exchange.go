package httpapi

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"strongroom"
)

// exchange is what is known of a request while it is served: enough for the log line,
// the metrics and the audit record, and never its body.
type exchange struct {
	requestID string
	began     time.Time
	address   netip.Addr
	caller    strongroom.Caller
	// reached says that the mux found a handler of ours.
	reached bool
	// route is the pattern that was served; "" where nothing was.
	route string
	// err is what was answered, if it was an error.
	err *strongroom.Error
}

type exchangeKey struct{}

// exchangeOf returns the request's exchange; the handler of every request has put it there.
func exchangeOf(ctx context.Context) *exchange {
	x, ok := ctx.Value(exchangeKey{}).(*exchange)
	if !ok {
		return &exchange{}
	}
	return x
}

// recorder remembers the status and size of a response.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(b)
	r.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
