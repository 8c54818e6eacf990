package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strongroom"
)

// readBody reads a JSON body within the limit and checks it against the schema. The
// bytes are the caller's to clear.
func (s *server) readBody(w http.ResponseWriter, r *http.Request, schema *huma.Schema) ([]byte, error) {
	if err := checkContentType(r.Header.Values("Content-Type")); err != nil {
		return nil, err
	}
	if r.ContentLength > s.Limits.BodyBytes {
		return nil, errTooLarge(s.Limits.BodyBytes)
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, s.Limits.BodyBytes))
	if err != nil {
		clear(body)
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			return nil, errTooLarge(s.Limits.BodyBytes)
		}
		return nil, strongroom.Errorf(strongroom.CodeBadRequest, "The request's body did not arrive whole; send it again")
	}
	if err := s.checkBody(body, schema); err != nil {
		clear(body)
		return nil, err
	}
	return body, nil
}

func checkContentType(values []string) error {
	if len(values) == 1 {
		media, params, err := mime.ParseMediaType(values[0])
		charset := params["charset"]
		if err == nil && media == jsonType && (charset == "" || strings.EqualFold(charset, "utf-8")) {
			return nil
		}
	}
	return strongroom.Errorf(strongroom.CodeUnsupportedMediaType, "Send the body as application/json in UTF-8")
}

// checkBody refuses what is not JSON, and what does not fit the schema.
func (s *server) checkBody(body []byte, schema *huma.Schema) error {
	decoded, err := decodeJSON(body)
	if err != nil {
		return err
	}
	path := huma.NewPathBuffer(make([]byte, 0, 128), 0)
	path.Push("body")
	result := &huma.ValidateResult{}
	huma.Validate(s.registry, schema, path, huma.ModeWriteToServer, decoded, result)
	return fieldErrors(result.Errors)
}

func errBadJSON() error {
	return strongroom.Errorf(strongroom.CodeBadRequest, "The request's body is not valid JSON in UTF-8")
}

func errTooLarge(limit int64) error {
	return strongroom.Errorf(strongroom.CodePayloadTooLarge, "The request's body is larger than %d bytes", limit)
}

// fieldErrors turns a validation's findings into ours. The offending values, which the
// findings carry, are left behind: any of them may be a secret.
func fieldErrors(found []error) error {
	var fields []strongroom.FieldError
	for _, err := range found {
		var d *huma.ErrorDetail
		if !errors.As(err, &d) {
			d = &huma.ErrorDetail{Location: "body", Message: "does not fit the schema"}
		}
		f := strongroom.FieldError{Location: location(d.Location), Message: d.Message, Type: "value"}
		for _, k := range kinds {
			m := k.pattern.FindStringSubmatch(d.Message)
			if m == nil {
				continue
			}
			f.Type = k.name
			if len(m) > 1 {
				f.Location = append(f.Location, m[1])
			}
			if k.message != "" {
				f.Message = k.message
			}
			break
		}
		fields = append(fields, f)
	}
	if len(fields) == 0 {
		return nil
	}
	return strongroom.Invalid(fields...)
}

// kinds gives a validation's sentences a word for programs. A required property is
// located where it is missing, as its name in the pattern says.
var kinds = []struct {
	pattern *regexp.Regexp
	name    string
	message string
}{
	{regexp.MustCompile(`^expected required property (.+) to be present$`), "missing", "Is required"},
	{regexp.MustCompile(`^unexpected property$`), "unexpected", "There is no such field"},
	{regexp.MustCompile(`^expected string to be RFC 3339`), "format", "Must be a time as in RFC 3339: 2026-01-31T12:00:00Z"},
	{regexp.MustCompile(`^expected string to be RFC 4122 uuid`), "format", "Must be a UUID"},
	{regexp.MustCompile(`^expected (?:string|number|integer|boolean|array|object)$`), "type", ""},
	{regexp.MustCompile(`^expected (?:length|array length)`), "length", ""},
	{regexp.MustCompile(`^expected value to be one of`), "enum", ""},
	{regexp.MustCompile(`^expected string to be |^expected string to match`), "pattern", ""},
}

// plainName is what a field's name may look like to be repeated in an error: words and
// small numbers, and none of what random keys and tokens look like.
var plainName = regexp.MustCompile(`^[A-Za-z]+[0-9]{0,3}([_-][A-Za-z]+[0-9]{0,3}){0,9}$`)

// maxName is the length, in bytes, up to which a field's name is repeated.
const maxName = 40

// location splits a validator's path ("body.grants[0].providers") into its parts.
func location(path string) []any {
	var parts []any
	for _, part := range strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' }) {
		if n, err := strconv.Atoi(part); err == nil {
			parts = append(parts, n)
		} else {
			parts = append(parts, tellable(part))
		}
	}
	return parts
}
