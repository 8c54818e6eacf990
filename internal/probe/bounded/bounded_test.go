package bounded_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/iotest"

	"strongroom/internal/probe/bounded"
)

func TestAnAnswerIsReadUpToTheLimit(t *testing.T) {
	for name, c := range map[string]struct {
		length int
		want   error
	}{
		"none":                 {0, nil},
		"as much as there may": {bounded.Limit, nil},
		"a byte more":          {bounded.Limit + 1, bounded.ErrTooMuch},
		"far more":             {8 * bounded.Limit, bounded.ErrTooMuch},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := io.ReadAll(bounded.Reader(strings.NewReader(strings.Repeat("x", c.length))))
			if !errors.Is(err, c.want) || len(b) != min(c.length, bounded.Limit) {
				t.Errorf("%d bytes and %v, want %v", len(b), err, c.want)
			}
		})
	}
}

func TestAnErrorAtTheLimitIsTheReadersOwn(t *testing.T) {
	broken := io.MultiReader(strings.NewReader(strings.Repeat("x", bounded.Limit)), iotest.ErrReader(io.ErrClosedPipe))
	if _, err := io.ReadAll(bounded.Reader(broken)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("%v, want the reader's error", err)
	}
}

func TestABodyIsCountedAsItIsOnceDecompressed(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(make([]byte, 4*bounded.Limit))
		_ = z.Close()
	}))
	t.Cleanup(s.Close)
	client := bounded.Client(s.Client())
	defer client.CloseIdleConnections()
	response, err := client.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if b, err := io.ReadAll(response.Body); !errors.Is(err, bounded.ErrTooMuch) || len(b) != bounded.Limit {
		t.Errorf("%d bytes and %v, want ErrTooMuch", len(b), err)
	}
}
