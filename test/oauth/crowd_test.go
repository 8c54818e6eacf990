package oauth_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"strongroom/internal/app/apptest"
)

// send makes a request; nil: no whole answer came.
func send(request *http.Request) *apptest.Answer {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil
	}
	defer response.Body.Close()
	return answerOf(response)
}

func answerOf(response *http.Response) *apptest.Answer {
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil
	}
	return &apptest.Answer{Status: response.StatusCode, Header: response.Header, Body: body}
}

// pipelined is how many requests each connection of a crowd sends before it reads an
// answer: a service has two goroutines a connection, and the race detector allows 8,128.
const pipelined = 4

// crowd is many reads of one credential that were all sent before any was answered. It
// needs no goroutine of its own for them.
type crowd struct {
	connections []net.Conn
}

// gather sends the reads, and takes the services in turns.
func gather(t *testing.T, services []*apptest.Client, key string, id uuid.UUID, readers int) *crowd {
	t.Helper()
	c := &crowd{}
	t.Cleanup(func() {
		for _, open := range c.connections {
			_ = open.Close()
		}
	})
	for i := range readers / pipelined {
		address := strings.TrimPrefix(services[i%len(services)].URL, "http://")
		connection, err := net.Dial("tcp", address)
		must(t, err)
		c.connections = append(c.connections, connection)
		request := fmt.Sprintf("GET %s/credentials HTTP/1.1\r\nHost: %s\r\nX-API-Key: %s\r\n\r\n", pathOf(id), address, key)
		_, err = io.WriteString(connection, strings.Repeat(request, pipelined))
		must(t, err)
	}
	return c
}

// wait waits until the services work on a request of every connection.
func (c *crowd) wait(t *testing.T, services []*apptest.Client) {
	t.Helper()
	eventually(t, "all readers wait", func() bool {
		sum := 0
		for _, s := range services {
			sum += inFlight(t, s)
		}
		return sum >= len(c.connections)
	})
}

// inFlight returns how many requests a service works on, but for the one that asks.
func inFlight(t *testing.T, c *apptest.Client) (n int) {
	t.Helper()
	a := c.Do(apptest.Request{Method: http.MethodGet, Path: "/metrics"}).Want(t, http.StatusOK)
	const name = "\nstrongroom_http_requests_in_flight "
	_, after, found := bytes.Cut(a.Body, []byte(name))
	if _, err := fmt.Sscan(string(after), &n); !found || err != nil {
		t.Fatalf("the metrics do not say how many requests are in flight: %v", err)
	}
	return n - 1
}

// wantSame reads every answer and fails the test unless all have the same token. Who is told
// to come back because several processes wait for the one database comes back.
func (c *crowd) wantSame(t *testing.T, again func() apptest.Answer) (got token) {
	t.Helper()
	answers := make(map[string]int)
	for _, connection := range c.connections {
		reader := bufio.NewReaderSize(connection, 4<<10)
		for range pipelined {
			response, err := http.ReadResponse(reader, nil)
			must(t, err)
			a := answerOf(response)
			if a == nil {
				t.Fatal("an answer broke off")
			}
			if a.Status == http.StatusServiceUnavailable {
				*a = again()
			}
			answers[string(a.Want(t, http.StatusOK).Body)]++
		}
		_ = connection.Close()
	}
	if len(answers) != 1 {
		t.Fatalf("the readers got %d different tokens", len(answers))
	}
	for body := range answers {
		must(t, json.Unmarshal([]byte(body), &got))
	}
	return got
}
