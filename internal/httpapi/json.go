package httpapi

import (
	"bytes"
	"encoding/json"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"strongroom"
)

// The validator reads names as encoding/json does not: what it would let pass in another
// case, a decoder may take for another member. Lists are never null here.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
}

// secretMember holds the secret data, whose members the catalog judges by its own rules:
// it knows which of their names may be told.
const secretMember = "credentials"

// decodeJSON reads one JSON value and nothing behind it, to be held against a schema:
// numbers are float64, or json.Number where they are too large for that, which is none to a
// schema. A member that is there twice is refused: readers differ in which of the two counts, and
// what one has checked another would use.
func decodeJSON(body []byte) (any, error) {
	if !utf8.Valid(body) || !json.Valid(body) {
		return nil, errBadJSON()
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	return decodeValue(d, []any{"body"})
}

// decodeValue reads the next value; at is where it stands.
func decodeValue(d *json.Decoder, at []any) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, errBadJSON()
	}
	if n, ok := token.(json.Number); ok {
		if f, err := n.Float64(); err == nil {
			return f, nil
		}
	}
	switch token {
	case json.Delim('{'):
		return decodeObject(d, at)
	case json.Delim('['):
		items := []any{}
		for d.More() {
			item, err := decodeValue(d, append(at[:len(at):len(at)], len(items)))
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		_, err = d.Token()
		return items, err
	}
	return token, nil
}

func decodeObject(d *json.Decoder, at []any) (any, error) {
	members := map[string]any{}
	for d.More() {
		token, err := d.Token()
		name, ok := token.(string)
		if err != nil || !ok {
			return nil, errBadJSON()
		}
		here := append(at[:len(at):len(at)], tellable(name))
		if _, twice := members[name]; twice {
			return nil, strongroom.Invalid(strongroom.FieldError{Location: here, Message: "Is there twice", Type: "duplicate"})
		}
		var value any
		if len(at) == 1 && name == secretMember {
			err = d.Decode(&value)
		} else {
			value, err = decodeValue(d, here)
		}
		if err != nil {
			return nil, err
		}
		members[name] = value
	}
	_, err := d.Token()
	return members, err
}

// tellable returns what an error may say of a member's name: what was sent in a name's
// place might be a pasted secret.
func tellable(name string) string {
	if len(name) <= maxName && plainName.MatchString(name) {
		return name
	}
	return "?"
}
