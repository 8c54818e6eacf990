package catalog

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"strongroom"
)

// Limits on received data.
const (
	maxData   = 256 << 10
	maxDepth  = 32
	maxValues = 2000
	// maxNumber and maxExponent keep numbers within what arithmetic on them can bear:
	// 1e999999999 is eleven characters and a gigabyte.
	maxNumber   = 40
	maxExponent = 300
)

// decoder reads JSON strictly. Its methods return a violation, or nil.
type decoder struct {
	json *json.Decoder
	// showable tells which member names may be told.
	showable func(string) bool
	values   int
}

// decode reads one JSON object and returns it compact and as values, numbers as
// json.Number.
func decode(data []byte, showable func(string) bool) ([]byte, map[string]any, *strongroom.FieldError) {
	refuse := func(message string) ([]byte, map[string]any, *strongroom.FieldError) {
		f := fieldError(ErrorJSON, message)
		return nil, nil, &f
	}
	if len(data) > maxData {
		return refuse(fmt.Sprintf("The credentials are larger than %d KiB", maxData>>10))
	}
	if !utf8.Valid(data) {
		return refuse("The credentials are not UTF-8")
	}
	var compact bytes.Buffer
	compact.Grow(len(data))
	if err := json.Compact(&compact, data); err != nil {
		return refuse("The credentials are not valid JSON")
	}
	d := decoder{json: json.NewDecoder(bytes.NewReader(compact.Bytes())), showable: showable}
	d.json.UseNumber()
	v, field := d.value(nil)
	if field != nil {
		return nil, nil, field
	}
	object, ok := v.(map[string]any)
	if !ok {
		f := fieldError(ErrorType, "Must be an object")
		return nil, nil, &f
	}
	return compact.Bytes(), object, nil
}

func (d *decoder) fail(kind, message string, path []any) *strongroom.FieldError {
	f := fieldError(kind, message, path...)
	return &f
}

// value reads the next value; path is where it stands, as far as it may be told.
func (d *decoder) value(path []any) (any, *strongroom.FieldError) {
	if d.values++; d.values > maxValues {
		return nil, d.fail(ErrorJSON, fmt.Sprintf("The credentials hold more than %d values", maxValues), nil)
	}
	token, err := d.json.Token()
	if err != nil {
		return nil, d.fail(ErrorJSON, "The credentials are not valid JSON", nil)
	}
	switch t := token.(type) {
	case json.Delim:
		if len(path) >= maxDepth {
			return nil, d.fail(ErrorJSON, fmt.Sprintf("The credentials are nested more than %d deep", maxDepth), nil)
		}
		if t == '[' {
			return d.list(path)
		}
		return d.object(path)
	case json.Number:
		if !bearable(t.String()) {
			return nil, d.fail(ErrorJSON, "The number has too many digits or too large an exponent", d.tell(path))
		}
	}
	return token, nil
}

func (d *decoder) list(path []any) (any, *strongroom.FieldError) {
	items := []any{}
	for d.json.More() {
		v, field := d.value(append(path[:len(path):len(path)], len(items)))
		if field != nil {
			return nil, field
		}
		items = append(items, v)
	}
	_, err := d.json.Token()
	if err != nil {
		return nil, d.fail(ErrorJSON, "The credentials are not valid JSON", nil)
	}
	return items, nil
}

func (d *decoder) object(path []any) (any, *strongroom.FieldError) {
	members := map[string]any{}
	for d.json.More() {
		token, err := d.json.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, d.fail(ErrorJSON, "The credentials are not valid JSON", nil)
		}
		at := append(path[:len(path):len(path)], name)
		if _, twice := members[name]; twice {
			return nil, d.fail(ErrorDuplicate, "The object has this member twice", d.tell(at))
		}
		v, field := d.value(at)
		if field != nil {
			return nil, field
		}
		members[name] = v
	}
	_, err := d.json.Token()
	if err != nil {
		return nil, d.fail(ErrorJSON, "The credentials are not valid JSON", nil)
	}
	return members, nil
}

// tell cuts the path before the first name that may not be told.
func (d *decoder) tell(path []any) []any {
	for i, step := range path {
		if name, ok := step.(string); ok && !d.showable(name) {
			return path[:i]
		}
	}
	return path
}

// bearable tells whether arithmetic on the JSON number is cheap.
func bearable(number string) bool {
	if len(number) > maxNumber {
		return false
	}
	i := strings.IndexAny(number, "eE")
	if i < 0 {
		return true
	}
	exponent, err := strconv.Atoi(number[i+1:])
	return err == nil && exponent >= -maxExponent && exponent <= maxExponent
}
