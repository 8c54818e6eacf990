package catalog

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"strongroom"
)

// What a [strongroom.FieldError] of Check's may have for a Type.
const (
	ErrorMissing    = "missing"     // a required member is not there
	ErrorUnexpected = "unexpected"  // a member that the schema does not know or allow here
	ErrorDuplicate  = "duplicate"   // a member that is there twice
	ErrorConflict   = "conflict"    // members that exclude one another
	ErrorType       = "type"        // another JSON type than the schema's
	ErrorFormat     = "format"      // not of the format
	ErrorPattern    = "pattern"     // does not match the pattern
	ErrorEnum       = "enum"        // none of the values allowed; also a credential type that the provider does not take
	ErrorLength     = "length"      // too short or too long: characters, items or members
	ErrorMinimum    = "minimum"     // a number too small
	ErrorMaximum    = "maximum"     // a number too large
	ErrorMultiple   = "multiple_of" // a number between the steps
	ErrorUnique     = "unique"      // an item that is there twice
	ErrorContains   = "contains"    // too few or too many items of a kind
	ErrorChoice     = "choice"      // fits none, or more than one, of several forms
	ErrorInvalidKey = "invalid_key" // a private key that does not parse
	ErrorPassphrase = "passphrase"  // a protected key's passphrase, missing or wrong
	ErrorJSON       = "json"        // not JSON, not UTF-8, or beyond the limits
	ErrorSchema     = "schema"      // does not fit in some other way
)

// maxFields bounds how many violations are told at once.
const maxFields = 50

// Checked is data that fits its schema, and what may be known of it.
type Checked struct {
	// Data is the object as compact JSON: its members in the order they came in, its
	// numbers and strings as they were written. It holds secrets.
	Data []byte
	// ExpiresAt is an OAuth credential's expires_at, in UTC to the microsecond; nil
	// where it has none.
	ExpiresAt *time.Time
	// Scopes are an OAuth credential's, without repetitions; nil where it has none.
	Scopes []string
	// AccountEmail is the "email" of OAuth data; nil where it has none.
	AccountEmail *string
	// OAuth says that the type's tokens are kept fresh by OAuth. The rest is of such data
	// alone: whether it has an access token, and whether it can be renewed: by a refresh
	// token, or because its grant needs none.
	OAuth, AccessToken, Renewable bool
}

// Check validates data (a JSON object, as received) for the pair and returns what
// is to be sealed and what may be known of it. The provider may be in any case.
//
// It returns a *[strongroom.Error]: CodeInvalidProvider for an unknown provider,
// and CodeValidation otherwise, with one field for each violation, in order of
// location. No error holds any of the data.
func (c *Catalog) Check(provider string, typ strongroom.CredentialType, data []byte) (Checked, error) {
	p, ok := c.Provider(provider)
	if !ok {
		return Checked{}, strongroom.Errorf(strongroom.CodeInvalidProvider, "Unknown provider; the catalog lists those there are")
	}
	d, ok := p.types[typ]
	if !ok {
		return Checked{}, strongroom.Invalid(strongroom.FieldError{
			Location: []any{"body", "credential_type"},
			Message:  "This provider takes one of: " + allowed(p.CredentialTypes),
			Type:     ErrorEnum,
		})
	}
	checked, fields := d.check(data)
	if len(fields) > 0 {
		return Checked{}, strongroom.Invalid(fields...)
	}
	return checked, nil
}

func allowed(types []strongroom.CredentialType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

func (d *dataType) check(data []byte) (Checked, []strongroom.FieldError) {
	compact, object, field := decode(data, d.showable)
	if field != nil {
		return Checked{}, []strongroom.FieldError{*field}
	}
	for name, v := range object {
		if v == nil && d.names[name] {
			delete(object, name)
		}
	}
	schema, err := d.schema()
	if err == nil {
		err = schema.Validate(object)
	}
	var fields []strongroom.FieldError
	var invalid *jsonschema.ValidationError
	if errors.As(err, &invalid) {
		fields = d.explain(object, invalid)
	} else if err != nil {
		fields = append(fields, fieldError(ErrorSchema, "The credentials cannot be checked against their schema"))
	}
	// A key that breaks the schema is not worth the work of opening it.
	if len(fields) == 0 {
		fields = d.checkKeys(object)
	}
	checked := Checked{Data: compact}
	if d.oauth && len(fields) == 0 {
		fields = d.readOAuth(object, &checked)
	}
	return checked, tidy(fields)
}

// fieldError makes a violation at a path within the credentials.
func fieldError(kind, message string, path ...any) strongroom.FieldError {
	return strongroom.FieldError{Location: append([]any{"body", "credentials"}, path...), Message: message, Type: kind}
}

// tidy orders the violations by location, takes out repetitions (several parts of a
// schema may find the same) and keeps the first maxFields.
func tidy(fields []strongroom.FieldError) []strongroom.FieldError {
	slices.SortFunc(fields, compareFields)
	fields = slices.CompactFunc(fields, func(a, b strongroom.FieldError) bool { return compareFields(a, b) == 0 })
	return fields[:min(len(fields), maxFields)]
}

func compareFields(a, b strongroom.FieldError) int {
	if c := slices.CompareFunc(a.Location, b.Location, compareSteps); c != 0 {
		return c
	}
	if c := strings.Compare(a.Type, b.Type); c != 0 {
		return c
	}
	return strings.Compare(a.Message, b.Message)
}

// compareSteps orders indexes before names.
func compareSteps(a, b any) int {
	i, aIndex := a.(int)
	j, bIndex := b.(int)
	switch {
	case aIndex && bIndex:
		return i - j
	case aIndex:
		return -1
	case bIndex:
		return 1
	}
	return strings.Compare(a.(string), b.(string))
}

// showable tells whether a member's name may be told: one of the schema's, or one
// that looks like a name.
func (d *dataType) showable(name string) bool { return d.names[name] || showable(name) }
