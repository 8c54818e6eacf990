package canary_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"strongroom/internal/app/apptest"
)

// collector takes traces as an OTLP/HTTP collector does, and keeps what it was sent.
type collector struct {
	url string
	// spans are the raw messages, unpacked, with the headers they came under.
	spans *apptest.Buffer
	// packed counts the compressed ones on their way here.
	packed chan struct{}
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{spans: &apptest.Buffer{}, packed: make(chan struct{}, 1)}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

// ServeHTTP implements http.Handler.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := io.Reader(r.Body)
	if r.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, "this is no gzip", http.StatusBadRequest)
			return
		}
		body = unpacked
		select {
		case c.packed <- struct{}{}:
		default:
		}
	}
	message, err := io.ReadAll(body)
	if err != nil {
		http.Error(w, "the message did not arrive whole", http.StatusBadRequest)
		return
	}
	_ = r.Header.Write(c.spans)
	// The line break lets Buffer.Line find what is in a message.
	_, _ = c.spans.Write(append(message, '\n'))
}
