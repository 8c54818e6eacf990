package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"strongroom"
)

// parameter is one of a query or header: what it may be, and what the document says.
type parameter struct {
	name, description string
	// kind is "string", "integer", "uuid" or "time".
	kind string
	// min, max and fallback are for integers.
	min, max, fallback int
	enum               []string
	// required parameters must be there; length bounds the value in bytes, 0: maxQueryValue.
	required bool
	length   int
}

func limitParameter(max int) parameter {
	return parameter{name: "limit", kind: "integer", min: 1, max: max, fallback: 100, description: "How many at most"}
}

var offsetParameter = parameter{name: "offset", kind: "integer", min: 0, max: 1 << 31, fallback: 0, description: "How many to pass over"}

// maxQueryValue bounds a parameter's length in bytes, where it does not say so itself.
const maxQueryValue = 256

// checkQuery returns the known parameters' values, once each, checked.
func checkQuery(raw string, parameters []parameter) (map[string]string, error) {
	if raw == "" && len(parameters) == 0 {
		return nil, nil
	}
	sent, err := url.ParseQuery(raw)
	if err != nil {
		return nil, strongroom.Errorf(strongroom.CodeBadRequest, "The query cannot be parsed; percent-encode its values")
	}
	values := make(map[string]string, len(parameters))
	var fields []strongroom.FieldError
	for _, p := range parameters {
		got, ok := sent[p.name]
		if !ok {
			if p.required {
				fields = append(fields, strongroom.FieldError{Location: []any{"query", p.name}, Message: "Is required", Type: "missing"})
			}
			continue
		}
		if message := p.check(got); message != "" {
			fields = append(fields, strongroom.FieldError{Location: []any{"query", p.name}, Message: message, Type: "value"})
			continue
		}
		values[p.name] = got[0]
	}
	if len(fields) > 0 {
		return nil, strongroom.Invalid(fields...)
	}
	return values, nil
}

// check returns what is wrong with the values sent for the parameter, "" if nothing is.
func (p parameter) check(values []string) string {
	if len(values) != 1 {
		return "Send it once"
	}
	v := values[0]
	switch {
	case len(v) > max(p.length, maxQueryValue):
		return "Is too long"
	case !utf8.ValidString(v) || strings.ContainsFunc(v, unicode.IsControl):
		return "Has characters that are not allowed"
	case p.kind == "integer":
		if n, err := strconv.Atoi(v); err != nil || n < p.min || n > p.max {
			return fmt.Sprintf("Must be a whole number from %d to %d", p.min, p.max)
		}
	case p.kind == "uuid":
		// The nil UUID names nobody; further in it would stand for "any".
		if id, err := uuid.Parse(v); err != nil || id == uuid.Nil {
			return "Must be a UUID"
		}
	case p.kind == "time":
		if _, err := time.Parse(time.RFC3339Nano, v); err != nil {
			return "Must be a time as in RFC 3339: 2026-01-31T12:00:00Z"
		}
	case p.enum != nil && !slices.Contains(p.enum, v):
		return fmt.Sprintf("Must be one of %v", p.enum)
	}
	return ""
}

// The values have been checked by the time these are asked for them.

func (c *call) integer(p parameter) int {
	n, err := strconv.Atoi(c.query[p.name])
	if err != nil {
		return p.fallback
	}
	return n
}

func (c *call) page(limit parameter) strongroom.Page {
	return strongroom.Page{Limit: c.integer(limit), Offset: c.integer(offsetParameter)}
}

func (c *call) id(name string) uuid.UUID {
	id, err := uuid.Parse(c.query[name])
	if err != nil {
		return uuid.Nil
	}
	return id
}

func (c *call) time(name string) *time.Time {
	t, err := time.Parse(time.RFC3339Nano, c.query[name])
	if err != nil {
		return nil
	}
	return &t
}
