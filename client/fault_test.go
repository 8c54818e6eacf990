package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"strongroom/client"
)

// roundTripper answers without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(status int, body string, header map[string]string) *http.Response {
	res := &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: -1}
	for name, value := range header {
		res.Header.Set(name, value)
	}
	return res
}

func TestAnAnswerThatIsNotStrongroomsIsRefused(t *testing.T) {
	t.Parallel()
	reply := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body)
		}
	}
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		status  int // 0: no *client.Error
	}{
		"a page instead of data":     {reply(http.StatusOK, "<html>"+canary), 0},
		"a list instead of data":     {reply(http.StatusOK, `["`+canary+`"]`), 0},
		"nothing instead of data":    {reply(http.StatusOK, ""), 0},
		"half of an object":          {reply(http.StatusOK, `{"password":"`+canary), 0},
		"another success":            {reply(http.StatusAccepted, `{"password":"`+canary+`"}`), http.StatusAccepted},
		"a proxy's page of an error": {reply(http.StatusBadGateway, "<html>"+canary), http.StatusBadGateway},
		"an error of another form":   {reply(http.StatusNotFound, `{"error":"`+canary+`"}`), http.StatusNotFound},
		"not modified, unasked":      {reply(http.StatusNotModified, ""), http.StatusNotModified},
		"more than is read": {func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"a":"`)
			_, _ = w.Write(bytes.Repeat([]byte("x"), 2<<20))
			_, _ = io.WriteString(w, `"}`)
		}, 0},
		"a body that breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"password":"`+canary+`"}`)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data, err := answering(t, c.handler).Open(t.Context(), someID)
			if err == nil || !data.Empty() {
				t.Fatalf("it was taken for data: %v", err)
			}
			if strings.Contains(err.Error(), canary) {
				t.Errorf("the error repeats it: %v", err)
			}
			var e *client.Error
			if errors.As(err, &e) != (c.status != 0) || e != nil && (e.Status != c.status || e.Code != "" || e.Message == "") {
				t.Errorf("the error is %v, want status %d", err, c.status)
			}
		})
	}
}

func TestMetadataThatIsNotStrongroomsIsRefused(t *testing.T) {
	t.Parallel()
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"version":"`+canary+`"}`) })
	if got, err := c.Get(t.Context(), someID); err == nil || strings.Contains(err.Error(), canary) || got.ID != "" {
		t.Errorf("%v, %v", got, err)
	}
}

func TestAnAnswerThatIsTooLargeIsSaidToBe(t *testing.T) {
	t.Parallel()
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(bytes.Repeat([]byte(" "), 2<<20+1)) })
	if _, err := c.Open(t.Context(), someID); err == nil || !strings.Contains(err.Error(), "larger than 2 MiB") {
		t.Errorf("got %v", err)
	}
}

func TestTheLargestAnswerIsTaken(t *testing.T) {
	t.Parallel()
	const frame = len(`{"a":""}`)
	body := `{"a":"` + strings.Repeat("x", 2<<20-frame) + `"}`
	c := answering(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
	data, err := c.Open(t.Context(), someID)
	if err != nil || len(data.Reveal()) != 2<<20 {
		t.Errorf("%d bytes, %v", len(data.Reveal()), err)
	}
}

// TestTheKeyDoesNotFollowARedirect: not even with a client that follows them.
func TestTheKeyDoesNotFollowARedirect(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirect was followed") }))
	t.Cleanup(elsewhere.Close)
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	t.Cleanup(here.Close)
	following := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return nil }}
	for name, h := range map[string]*http.Client{"its own": nil, "the caller's": following} {
		c, err := client.New(client.Options{URL: here.URL, Key: canary, HTTP: h})
		must(t, err)
		_, err = c.Open(t.Context(), someID)
		if e := refused(t, err); e.Status != http.StatusTemporaryRedirect || !strings.Contains(e.Message, "redirects are not followed") {
			t.Errorf("%s: %v", name, e)
		}
	}
	if following.CheckRedirect(nil, nil) != nil {
		t.Error("the caller's client was changed")
	}
}

func TestAServiceThatIsAwayIsTold(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	_, err := open(t, server.URL, canary).Open(t.Context(), someID)
	var e *client.Error
	if err == nil || errors.As(err, &e) || !strings.Contains(err.Error(), "did not answer") || strings.Contains(err.Error(), canary) {
		t.Errorf("got %v", err)
	}
}

func TestTheContextEndsACall(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{})
	c := answering(t, func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	if _, err := c.Open(ctx, someID); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestTheKeyShowsNowhere(t *testing.T) {
	t.Parallel()
	o := client.Options{URL: "http://127.0.0.1:1", Key: canary + "key"}
	c, err := client.New(o)
	must(t, err)
	_, failed := c.Open(t.Context(), someID)
	var shown bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&shown, verb+verb+verb+verb+verb, o, &o, c, *c, failed)
	}
	slog.New(slog.NewTextHandler(&shown, nil)).Info("m", "o", o, "p", &o, "c", c, "err", failed)
	slog.New(slog.NewJSONHandler(&shown, nil)).Info("m", "o", o, "p", &o, "c", c, "err", failed)
	for _, v := range []any{o, &o, c} {
		encoded, err := json.Marshal(v)
		must(t, err)
		shown.Write(encoded)
	}
	for _, form := range []string{canary, fmt.Sprintf("%x", canary), strings.Trim(fmt.Sprint([]byte(canary)), "[]")} {
		if strings.Contains(shown.String(), form) {
			t.Errorf("the key shows: %s", shown.String())
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add(http.StatusOK, `{"a":1}`, "")
	f.Add(http.StatusOK, ` {"a":1} x`, "")
	f.Add(http.StatusNotFound, `{"error":{"message":"m","code":"not_found","details":null},"request_id":"r"}`, "5")
	f.Add(http.StatusServiceUnavailable, `{"error":{"message":"m","code":"c","details":[]}}`, "Sun, 06 Nov 1994 08:49:37 GMT")
	f.Add(http.StatusFound, `{"error":null}`, "-1")
	f.Fuzz(func(t *testing.T, status int, body, retryAfter string) {
		if status < 200 || status > 599 {
			return
		}
		sent := roundTripper(func(*http.Request) (*http.Response, error) {
			return answer(status, body, map[string]string{"Retry-After": retryAfter}), nil
		})
		c, err := client.New(client.Options{URL: "http://strongroom.example.com", Key: "k", HTTP: &http.Client{Transport: sent}})
		must(t, err)
		// Nobody waits for what is to come later than now.
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(500*time.Millisecond))
		defer cancel()
		data, err := c.Open(ctx, someID)
		if (err == nil) == data.Empty() {
			t.Fatalf("data: %t, error: %v", !data.Empty(), err)
		}
		if err == nil && (status != http.StatusOK || !json.Valid(data.Reveal())) {
			t.Errorf("%d with what is no object was taken for data", status)
		}
		var e *client.Error
		if errors.As(err, &e) && (e.Status != status || e.Message == "" || e.RetryAfter < 0) {
			t.Errorf("the error is %+v", e)
		}
	})
}
