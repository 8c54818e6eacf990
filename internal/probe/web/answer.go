package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"

	"strongroom"
	"strongroom/internal/oauth"
	"strongroom/internal/probe/failure"
	"strongroom/internal/probe/phases"
)

// party is who is asked, as sentences name it.
type party struct {
	// name begins sentences: "Microsoft Graph".
	name string
	// shown is what it is shown: "the token".
	shown string
	// refused says what to do where that is refused, and address where it is another
	// address that has to be asked.
	refused, address string
}

// answer is what a server said.
type answer struct {
	status int
	header http.Header
	// body is what was read, if anything; broken says why that is not all of it.
	body   []byte
	broken error
}

// send makes a request, and reads the body where that is wanted.
func (t *test) send(request *http.Request, from party, phase string, wanted bool) (answer, error) {
	request = request.WithContext(httptrace.WithClientTrace(request.Context(), phases.Trace(t.phases, phase)))
	response, err := t.client.Do(request)
	if err != nil {
		return answer{}, from.lost(err, "did not answer as a web server does; "+from.address)
	}
	defer func() { _ = response.Body.Close() }()
	a := answer{status: response.StatusCode, header: response.Header}
	if !wanted {
		return a, nil
	}
	if a.body, err = io.ReadAll(response.Body); err != nil {
		a.broken = from.lost(err, "broke its answer off in the middle; try again")
	}
	return a, nil
}

// lost says why there is no answer, or not all of one; otherwise is what the party did where
// that is not the connection's fault.
func (p party) lost(err error, otherwise string) error {
	if result, ok := failure.Connection(err, p.name); ok {
		return &failure.Error{Code: result.Code, Message: result.Message}
	}
	return &failure.Error{Code: strongroom.CheckProtocol, Message: p.name + " " + otherwise}
}

// refuses says what a status means that is not the one hoped for.
func (p party) refuses(status int) error {
	if f := failure.Status(status, p.name); f != nil {
		return f
	}
	n := failure.Number(status)
	switch {
	case status == http.StatusUnauthorized:
		return &failure.Error{Code: strongroom.CheckAuth, Message: p.name + " refused " + p.shown + n + "; " + p.refused}
	case status == http.StatusForbidden:
		return &failure.Error{Code: strongroom.CheckPermission, Message: p.name + " does not allow this with " + p.shown + n + "; give it the permission, or use another"}
	case status >= 300 && status < 400:
		return &failure.Error{Code: strongroom.CheckProtocol, Message: p.name + " redirects to another address" + n + ", and no secret is sent there; " + p.address}
	}
	return &failure.Error{Code: strongroom.CheckProtocol, Message: fmt.Sprintf("%s answered with status %d, which says nothing about %s; %s", p.name, status, p.shown, p.address)}
}

// object returns the answer's members; it fails where the answer is no JSON object.
func (p party) object(a answer) (map[string]json.RawMessage, error) {
	if a.broken != nil {
		return nil, a.broken
	}
	var members map[string]json.RawMessage
	switch err := json.Unmarshal(a.body, &members); {
	case err == nil && members != nil:
		return members, nil
	case bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<")):
		return nil, &failure.Error{Code: strongroom.CheckProtocol, Message: p.name + " answered with a web page in place of JSON; " + p.address}
	}
	return nil, &failure.Error{Code: strongroom.CheckProtocol, Message: p.name + " answered with something else than is expected; " + p.address}
}

// maxErrors is how many of an answer's errors are looked at.
const maxErrors = 4

// codes returns the error codes that an answer states, wherever providers put them. They
// are for looking up, never for showing.
func (a answer) codes() []string {
	paths := []string{"error", "error.code", "error.status"}
	for i := range maxErrors {
		n := strconv.Itoa(i)
		paths = append(paths, "error.errors."+n+".reason", "error.details."+n+".reason")
	}
	var found []string
	for _, path := range paths {
		if code := oauth.Member(a.body, path); code != "" {
			found = append(found, code)
		}
	}
	// RFC 6750, section 3.1: the code stands in the header.
	if strings.Contains(a.header.Get("WWW-Authenticate"), codeScope) {
		found = append(found, codeScope)
	}
	return found
}
