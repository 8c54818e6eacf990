package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"strongroom"
)

const jsonType = "application/json"

// operation is one call of the API: how it is served, and what the document says of it.
type operation struct {
	method, path string
	// pattern is what the mux is given where it would take path and another operation's
	// for a conflict; only requests whose segments are as in fixed are then served.
	pattern string
	fixed   map[string]string
	// id names it to clients that are generated from the document.
	id, tag, summary, description string
	query                         []parameter
	headers                       []parameter
	// body is the wire type of the request; nil: none is read.
	body   reflect.Type
	schema *huma.Schema
	// status is the one of success; answer the wire type of its body, nil: none.
	status int
	answer reflect.Type
	// errors lists the codes that are particular to this call.
	errors []strongroom.Code
	// handle returns the body of the answer.
	handle func(ctx context.Context, c *call) (any, error)
	// public operations ask for no credential.
	public bool
	// ahead, where not nil, may prepare the context before anybody knows who calls.
	ahead func(r *http.Request) context.Context
	// write, where not nil, answers by itself in place of handle.
	write func(w http.ResponseWriter, r *http.Request, c *call) error
}

// call is a request that has been authenticated and checked.
type call struct {
	strongroom.Caller
	request *http.Request
	// response is there for what an answer has beside its body.
	response http.ResponseWriter
	query    map[string]string
	body     []byte
}

// bodyOf returns the body as its wire type; it has been checked against the schema.
func bodyOf[T any](c *call) (T, error) {
	var body T
	if err := json.Unmarshal(c.body, &body); err != nil {
		return body, errBadJSON()
	}
	return body, nil
}

// pathID returns a path's id; another than a UUID is answered with the code.
func (c *call) pathID(name string, code strongroom.Code) (uuid.UUID, error) {
	text := c.request.PathValue(name)
	id, err := uuid.Parse(text)
	if err != nil || len(text) != 36 {
		return uuid.Nil, strongroom.Errorf(code, "%s in the path is no UUID", name)
	}
	return id, nil
}

// serve puts an operation behind identity, the principal's limit and its schema.
func (s *server) serve(op operation) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		x.reached = true
		for segment, value := range op.fixed {
			if r.PathValue(segment) != value {
				writeError(w, x, errNoRoute())
				return
			}
		}
		x.route = op.path
		if err := s.answer(w, r, x, op); err != nil {
			writeError(w, x, err)
		}
	})
}

func (s *server) answer(w http.ResponseWriter, r *http.Request, x *exchange, op operation) error {
	if op.ahead != nil {
		r = r.WithContext(op.ahead(r))
	}
	if op.public {
		x.caller = strongroom.Caller{Address: x.address, RequestID: x.requestID}
	} else if err := s.authenticate(r, x); err != nil {
		return err
	}
	c := &call{Caller: x.caller, request: r, response: w}
	var err error
	if c.query, err = checkQuery(r.URL.RawQuery, op.query); err != nil {
		return err
	}
	if op.body != nil {
		if c.body, err = s.readBody(w, r, op.schema); err != nil {
			return err
		}
		defer clear(c.body)
	}
	if op.write != nil {
		return op.write(w, r, c)
	}
	answer, err := op.handle(r.Context(), c)
	if err != nil {
		return err
	}
	return writeJSON(w, op.status, answer)
}

// writeJSON answers with a status and, unless it is nil, a body.
func writeJSON(w http.ResponseWriter, status int, answer any) error {
	w.Header().Set("Cache-Control", "no-store")
	if answer == nil {
		w.WriteHeader(status)
		return nil
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", jsonType)
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n'))
	return nil
}
