package catalog

import (
	"encoding/json"
	"fmt"
	"math/big"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"strongroom"
)

// maxPattern is how long a pattern may be to be shown.
const maxPattern = 100

// explain turns a validation error into violations.
func (d *dataType) explain(object map[string]any, e *jsonschema.ValidationError) []strongroom.FieldError {
	at := d.locate(object, e.InstanceLocation)
	own := func(general string) string {
		if m, ok := d.messages[fragment(e.SchemaURL)]; ok {
			return m
		}
		return general
	}
	missing := func(names []string, general string) []strongroom.FieldError {
		var out []strongroom.FieldError
		for _, name := range names {
			out = append(out, fieldError(ErrorMissing, own(general), append(at[:len(at):len(at)], name)...))
		}
		return out
	}
	switch k := e.ErrorKind.(type) {
	case *kind.Schema, *kind.Group, *kind.AllOf, *kind.Reference:
		var out []strongroom.FieldError
		for _, cause := range e.Causes {
			out = append(out, d.explain(object, cause)...)
		}
		return out
	case *kind.Required:
		return missing(k.Missing, "Field required")
	case *kind.DependentRequired:
		return missing(k.Missing, "Field required together with "+k.Prop)
	case *kind.AdditionalProperties:
		var out []strongroom.FieldError
		for _, name := range k.Properties {
			path := at[:len(at):len(at)]
			if d.showable(name) {
				path = append(path, name)
			}
			out = append(out, fieldError(ErrorUnexpected, "This field is not part of the schema; remove it", path...))
		}
		return out
	}
	typ, general := describe(e.ErrorKind)
	return []strongroom.FieldError{fieldError(typ, own(general), at...)}
}

// locate turns a location into a path, as far as it may be told: list indexes as
// ints, and nothing from the first name on that does not look like one.
func (d *dataType) locate(object map[string]any, tokens []string) []any {
	var value any = object
	var path []any
	for _, t := range tokens {
		switch v := value.(type) {
		case map[string]any:
			if !d.showable(t) {
				return path
			}
			path, value = append(path, t), v[t]
		case []any:
			i, err := strconv.Atoi(t)
			if err != nil || i < 0 || i >= len(v) {
				return path
			}
			path, value = append(path, i), v[i]
		default:
			return path
		}
	}
	return path
}

// describe returns the type and the sentence of a violation. It looks at what the
// schema wanted, never at what was there.
func describe(k jsonschema.ErrorKind) (typ, message string) {
	switch k := k.(type) {
	case *kind.Type:
		return ErrorType, "Must be " + types(k.Want)
	case *kind.Enum:
		return ErrorEnum, "Must be one of: " + values(k.Want)
	case *kind.Const:
		return ErrorEnum, "Must be " + values([]any{k.Want})
	case *kind.Format:
		if s, ok := k.Err.(sentence); ok {
			return ErrorFormat, string(s)
		}
		return ErrorFormat, "Must be a valid " + k.Want
	case *kind.Pattern:
		if len(k.Want) > maxPattern {
			return ErrorPattern, "Does not have the form required"
		}
		return ErrorPattern, "Must match the pattern " + k.Want
	case *kind.Required, *kind.DependentRequired:
		return ErrorMissing, "Lacks a required member"
	case *kind.AdditionalProperties, *kind.FalseSchema:
		return ErrorUnexpected, "Is not allowed here; remove it"
	case *kind.PropertyNames:
		return ErrorUnexpected, "Has a member whose name is not allowed; remove it"
	case *kind.Not:
		return ErrorConflict, "Is not allowed in this form or together with the others"
	case *kind.AnyOf:
		return ErrorChoice, "Fits none of the forms allowed; see the schema"
	case *kind.OneOf:
		return ErrorChoice, "Must fit exactly one of the forms allowed; see the schema"
	case *kind.UniqueItems:
		return ErrorUnique, "Must not have the same item twice"
	case *kind.Contains, *kind.MinContains, *kind.MaxContains:
		return ErrorContains, "Must have other items; see the schema"
	}
	if typ, message, ok := describeBound(k); ok {
		return typ, message
	}
	return ErrorSchema, "Does not fit its schema"
}

// describeBound describes what was too small or too large.
func describeBound(k jsonschema.ErrorKind) (typ, message string, ok bool) {
	switch k := k.(type) {
	case *kind.MinLength:
		if k.Want == 1 {
			return ErrorLength, "Must not be empty", true
		}
		return ErrorLength, fmt.Sprintf("Must have at least %d characters", k.Want), true
	case *kind.MaxLength:
		return ErrorLength, fmt.Sprintf("Must have at most %d characters", k.Want), true
	case *kind.MinItems:
		return ErrorLength, fmt.Sprintf("Must have at least %d items", k.Want), true
	case *kind.MaxItems:
		return ErrorLength, fmt.Sprintf("Must have at most %d items", k.Want), true
	case *kind.MinProperties:
		return ErrorLength, fmt.Sprintf("Must have at least %d members", k.Want), true
	case *kind.MaxProperties:
		return ErrorLength, fmt.Sprintf("Must have at most %d members", k.Want), true
	case *kind.Minimum:
		return ErrorMinimum, "Must be " + number(k.Want) + " or more", true
	case *kind.ExclusiveMinimum:
		return ErrorMinimum, "Must be more than " + number(k.Want), true
	case *kind.Maximum:
		return ErrorMaximum, "Must be " + number(k.Want) + " or less", true
	case *kind.ExclusiveMaximum:
		return ErrorMaximum, "Must be less than " + number(k.Want), true
	case *kind.MultipleOf:
		return ErrorMultiple, "Must be a multiple of " + number(k.Want), true
	}
	return "", "", false
}

// types lists JSON types with their articles.
func types(names []string) string {
	out := make([]string, len(names))
	for i, n := range names {
		switch n {
		case "null":
			out[i] = n
		case "array":
			out[i] = "a list"
		case "integer", "object":
			out[i] = "an " + n
		default:
			out[i] = "a " + n
		}
	}
	return strings.Join(out, " or ")
}

// values lists a schema's values, strings without quotes.
func values(want []any) string {
	out := make([]string, len(want))
	for i, v := range want {
		if s, ok := v.(string); ok {
			out[i] = s
		} else if text, err := json.Marshal(v); err == nil {
			out[i] = string(text)
		}
	}
	return strings.Join(out, ", ")
}

func number(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}
