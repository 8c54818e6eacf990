package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"strongroom"
	"strongroom/internal/catalog"
)

var embedded = sync.OnceValues(func() (*catalog.Catalog, error) { return catalog.Load("") })

// mustLoad returns the embedded catalog.
func mustLoad(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	c, err := embedded()
	if err != nil {
		tb.Fatalf("Load: %v", err)
	}
	return c
}

// mustCheck returns what Check makes of data that must fit.
func mustCheck(tb testing.TB, c *catalog.Catalog, provider, typ, data string) catalog.Checked {
	tb.Helper()
	checked, err := c.Check(provider, strongroom.CredentialType(typ), []byte(data))
	if err != nil {
		tb.Fatalf("Check(%s, %s) refused: %s", provider, typ, everything(err))
	}
	return checked
}

// violations returns the fields of a refusal as "body.credentials.port: type".
func violations(tb testing.TB, err error) []string {
	tb.Helper()
	if err == nil {
		tb.Fatal("Check accepted the data")
	}
	var e *strongroom.Error
	if !errors.As(err, &e) || e.Code != strongroom.CodeValidation || len(e.Fields) == 0 {
		tb.Fatalf("got %v, want a validation error with fields", err)
	}
	var out []string
	for _, f := range e.Fields {
		if f.Message == "" || f.Type == "" {
			tb.Errorf("the field %v lacks a message or type", f.Location)
		}
		out = append(out, path(f.Location)+": "+f.Type)
	}
	return out
}

// path joins a location; list indexes (ints) show in brackets.
func path(location []any) string {
	var b strings.Builder
	for i, step := range location {
		switch s := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", s)
		case string:
			if i > 0 {
				b.WriteByte('.')
			}
			b.WriteString(s)
		}
	}
	return b.String()
}

// everything is all that an error says, to clients and to the log.
func everything(err error) string {
	out := fmt.Sprintf("%v %+v %#v", err, err, err)
	var e *strongroom.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			out += fmt.Sprintf("\n%v %s %s", f.Location, f.Message, f.Type)
		}
		if cause := e.Unwrap(); cause != nil {
			out += "\n" + cause.Error()
		}
	}
	return out
}

// message returns the sentence at a location.
func message(tb testing.TB, err error, at string) string {
	tb.Helper()
	var e *strongroom.Error
	if errors.As(err, &e) {
		for _, f := range e.Fields {
			if path(f.Location) == at {
				return f.Message
			}
		}
	}
	tb.Fatalf("nothing is said about %s: %v", at, err)
	return ""
}
