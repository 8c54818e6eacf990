package client_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"strongroom/client"
)

const busy = `{"error":{"message":"The service is busy","code":"overloaded","details":null},"request_id":"r"}`

// asked calls a service that gives these answers in turn, the last one for ever, and returns
// when it was asked, from the beginning. It runs where the clock is the test's.
func asked(t *testing.T, call func(*client.Client) error, answers ...func() *http.Response) (at []time.Duration, err error) {
	t.Helper()
	began := time.Now()
	sent := roundTripper(func(*http.Request) (*http.Response, error) {
		at = append(at, time.Since(began))
		return answers[min(len(at), len(answers))-1](), nil
	})
	c, err := client.New(client.Options{URL: "http://strongroom.example.com", Key: "k", HTTP: &http.Client{Transport: sent}})
	must(t, err)
	err = call(c)
	return at, err
}

// later answers that the service is busy; an empty header is not sent.
func later(status int, retryAfter string) func() *http.Response {
	header := map[string]string{}
	if retryAfter != "" {
		header["Retry-After"] = retryAfter
	}
	return func() *http.Response { return answer(status, busy, header) }
}

func good() *http.Response { return answer(http.StatusOK, `{"id":"x"}`, nil) }

func opening(ctx context.Context) func(*client.Client) error {
	return func(c *client.Client) error { _, err := c.Open(ctx, someID); return err }
}

func TestOneWhoIsToldToComeLaterDoes(t *testing.T) {
	t.Parallel()
	const unavailable, limited = http.StatusServiceUnavailable, http.StatusTooManyRequests
	seconds := func(n ...time.Duration) (all []time.Duration) {
		for _, s := range n {
			all = append(all, s*time.Second)
		}
		return all
	}
	for name, c := range map[string]struct {
		answers []func() *http.Response
		at      []time.Duration
		status  int // 0: it went well in the end
	}{
		"when the service was busy once":         {[]func() *http.Response{later(unavailable, "2"), good}, seconds(0, 2), 0},
		"when there were too many requests":      {[]func() *http.Response{later(limited, "1"), good}, seconds(0, 1), 0},
		"twice, and no more":                     {[]func() *http.Response{later(unavailable, "1")}, seconds(0, 1, 2), unavailable},
		"as late as ten seconds":                 {[]func() *http.Response{later(limited, "4"), later(unavailable, "6"), good}, seconds(0, 4, 10), 0},
		"not where that is too late":             {[]func() *http.Response{later(unavailable, "11")}, seconds(0), unavailable},
		"not where both together are too late":   {[]func() *http.Response{later(unavailable, "6")}, seconds(0, 6), unavailable},
		"not where nobody said when":             {[]func() *http.Response{later(unavailable, "")}, seconds(0), unavailable},
		"not where what was said means nothing":  {[]func() *http.Response{later(unavailable, "soon")}, seconds(0), unavailable},
		"not where it is another sort of answer": {[]func() *http.Response{later(http.StatusInternalServerError, "1")}, seconds(0), http.StatusInternalServerError},
		"not where it never ends":                {[]func() *http.Response{later(unavailable, "99999999999999999999")}, seconds(0), unavailable},
		"at a time instead of after so long": {[]func() *http.Response{func() *http.Response {
			return later(unavailable, time.Now().Add(3*time.Second).UTC().Format(http.TimeFormat))()
		}, good}, seconds(0, 3), 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				at, err := asked(t, opening(t.Context()), c.answers...)
				if !slices.Equal(at, c.at) {
					t.Errorf("asked at %v, want %v", at, c.at)
				}
				if c.status == 0 {
					must(t, err)
				} else if e := refused(t, err); e.Status != c.status {
					t.Errorf("refused with %v, want %d", e, c.status)
				}
			})
		})
	}
}

func TestWhatChangesSomethingIsAskedOnce(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(*client.Client) error{
		"a renewal": func(c *client.Client) error { _, err := c.Refresh(t.Context(), someID); return err },
		"a test":    func(c *client.Client) error { _, err := c.Test(t.Context(), someID); return err },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				at, err := asked(t, call, later(http.StatusServiceUnavailable, "3"), good)
				if e := refused(t, err); len(at) != 1 || e.RetryAfter != 3*time.Second || e.Code != "overloaded" || e.RequestID != "r" {
					t.Errorf("asked at %v, refused with %+v", at, e)
				}
			})
		})
	}
}

func TestAWaitThatTheContextCutsShortIsNotBegun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		began := time.Now()
		_, err := asked(t, opening(ctx), later(http.StatusServiceUnavailable, "3"))
		if e := refused(t, err); e.Status != http.StatusServiceUnavailable || time.Since(began) != 0 {
			t.Errorf("refused with %v after %s", e, time.Since(began))
		}
	})
}

func TestAWaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		began := time.Now()
		at, err := asked(t, opening(ctx), later(http.StatusServiceUnavailable, "3"))
		if e := refused(t, err); !errors.Is(err, context.Canceled) || e.Status != http.StatusServiceUnavailable || len(at) != 1 || time.Since(began) != time.Second {
			t.Errorf("asked at %v, ended after %s with %v", at, time.Since(began), err)
		}
	})
}
