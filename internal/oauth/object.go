package oauth

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Limits on JSON, and on answers in general.
const (
	// MaxAnswer is how much of an answer is looked at, in bytes.
	MaxAnswer = 256 << 10
	// maxData bounds stored data: an answer, and what else the credential holds.
	maxData   = 4 * MaxAnswer
	maxDepth  = 32
	maxValues = 2000
)

var (
	errTooLarge  = errors.New("larger than is accepted")
	errNotObject = errors.New("no JSON object")
	errTwice     = errors.New("an object with the same member twice")
	errDeep      = errors.New("nested deeper than is accepted")
	errValues    = errors.New("of more values than are accepted")
	errNotForm   = errors.New("no form")
)

// object is a JSON object: its members as they were written.
type object map[string]json.RawMessage

// parseObject reads a JSON object of at most limit bytes strictly: no member of any object
// in it stands there twice, since two readers would take different ones. Its errors
// complete the sentence "the answer is …".
func parseObject(data []byte, limit int) (object, error) {
	if len(data) > limit {
		return nil, errTooLarge
	}
	if !utf8.Valid(data) || !json.Valid(data) {
		return nil, errNotObject
	}
	w := walker{json: json.NewDecoder(bytes.NewReader(data))}
	w.json.UseNumber()
	if err := w.value(0); err != nil {
		return nil, err
	}
	var o object
	if err := json.Unmarshal(data, &o); err != nil || o == nil {
		return nil, errNotObject
	}
	return o, nil
}

// walker checks a whole JSON document.
type walker struct {
	json   *json.Decoder
	values int
}

func (w *walker) value(depth int) error {
	if w.values++; w.values > maxValues {
		return errValues
	}
	token, err := w.json.Token()
	if err != nil {
		return errNotObject
	}
	opening, ok := token.(json.Delim)
	if !ok {
		return nil
	}
	if depth >= maxDepth {
		return errDeep
	}
	seen := map[string]bool{}
	for w.json.More() {
		if opening == '{' {
			token, err := w.json.Token()
			name, ok := token.(string)
			if err != nil || !ok {
				return errNotObject
			}
			if seen[name] {
				return errTwice
			}
			seen[name] = true
		}
		if err := w.value(depth + 1); err != nil {
			return err
		}
	}
	if _, err := w.json.Token(); err != nil {
		return errNotObject
	}
	return nil
}

// parseForm reads an answer in application/x-www-form-urlencoded as an object of strings.
func parseForm(data []byte) (object, error) {
	if len(data) > MaxAnswer {
		return nil, errTooLarge
	}
	values, err := url.ParseQuery(string(data))
	if err != nil || len(values) == 0 {
		return nil, errNotForm
	}
	if len(values) > maxValues {
		return nil, errValues
	}
	o := make(object, len(values))
	for name, all := range values {
		if len(all) > 1 {
			return nil, errTwice
		}
		if !utf8.ValidString(name) || !utf8.ValidString(all[0]) {
			return nil, errNotForm
		}
		o[name] = quote(all[0])
	}
	return o, nil
}

// quote returns a string as JSON.
func quote(text string) json.RawMessage {
	raw, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string has a JSON form
	}
	return raw
}

// encode returns the object as JSON without insignificant space, values as written.
func (o object) encode() ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(o); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// at returns the value at a dotted path, nil where there is none. A member whose name is
// the whole path comes first.
func (o object) at(path string) json.RawMessage {
	for {
		if raw, ok := o[path]; ok {
			return raw
		}
		first, rest, found := strings.Cut(path, ".")
		inner := members(o[first])
		if !found || inner == nil {
			return nil
		}
		o, path = inner, rest
	}
}

// members returns an object's members, or a list's by their numbers from 0; nil for others.
func members(raw json.RawMessage) object {
	var o object
	if json.Unmarshal(raw, &o) == nil {
		return o
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return nil
	}
	o = make(object, len(list))
	for i, v := range list {
		o[strconv.Itoa(i)] = v
	}
	return o
}

// stringOf returns a JSON string's text; "" for any other value and for none.
func stringOf(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// Member returns the text at a dotted path of a JSON object, such as the answer of a
// userinfo endpoint or the claims of an ID token; "" where there is no such string, or
// no such object.
func Member(data []byte, path string) string {
	o, err := parseObject(data, MaxAnswer)
	if err != nil {
		return ""
	}
	return stringOf(o.at(path))
}
