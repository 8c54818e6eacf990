package main

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"strongroom/internal/app"
)

// sentence is an error about the command line or the configuration that is whole as it
// is: it says what a value should be and where it stands, never what it is.
type sentence string

func (s sentence) Error() string { return string(s) }

// judge decodes a value with kong's own mapper and says in our words what is wrong.
type judge struct {
	kong.Mapper
	origins map[string]string
}

// Decode implements kong.Mapper.
func (j judge) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	v := ctx.Value
	missing := ctx.Scan.Peek().IsEOL()
	err := j.Mapper.Decode(ctx, target)
	fail := func(format string, args ...any) error {
		// A flag, an argument, a variable, or a file's line and key.
		place := v.ShortSummary()
		if origin := j.origins[v.Name]; origin != "" {
			place = origin
		}
		return sentence(place + " " + fmt.Sprintf(format, args...))
	}
	switch {
	case err != nil && missing:
		return fail("needs a value")
	case err != nil && target.Type() == reflect.TypeFor[app.Issuers]():
		return fail("is not understood: %s", err)
	case err != nil && target.Kind() != reflect.String:
		return fail("must be %s", wanted(target.Type()))
	case err == nil && v.Enum != "" && !slices.Contains(v.EnumSlice(), target.String()):
		return fail("must be one of %s", strings.Join(v.EnumSlice(), ", "))
	}
	return err
}

// wanted describes the values of a type.
func wanted(t reflect.Type) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration as 90s, 15m or 720h"
	case reflect.TypeFor[time.Time](), reflect.TypeFor[*time.Time]():
		return "a time as 2030-12-31T23:59:59Z"
	case reflect.TypeFor[uuid.UUID]():
		return "a UUID"
	case reflect.TypeFor[[]uuid.UUID]():
		return "UUIDs, with commas between them"
	case reflect.TypeFor[[]netip.Prefix]():
		return "networks as 10.0.0.0/8, with commas between them"
	}
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Float64:
		return "a number"
	}
	return "a value of another form"
}
