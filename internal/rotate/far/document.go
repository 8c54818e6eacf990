package far

import (
	"bytes"
	"encoding/json"
	"errors"

	"strongroom/secret"
)

var errData = errors.New("the credential's data does not fit its definition; store it again")

// document is a credential's data: its members as they were written.
type document map[string]json.RawMessage

func parse(data secret.Value) (document, error) {
	var d document
	if json.Unmarshal(data.Reveal(), &d) != nil || d == nil {
		return nil, errData
	}
	return d, nil
}

// encode writes the document; members that were not set keep their bytes.
func (d document) encode() (secret.Value, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if encoder.Encode(d) != nil {
		return secret.Value{}, errData
	}
	return secret.New(bytes.TrimSuffix(out.Bytes(), []byte("\n"))), nil
}

// has tells whether a member is there and no null.
func (d document) has(name string) bool {
	raw, ok := d[name]
	return ok && string(raw) != "null"
}

// text returns a member that is text, and whether it is there and not empty.
func (d document) text(name string) (secret.Value, bool) {
	s := d.plain(name)
	return secret.New([]byte(s)), s != ""
}

// plain returns a member that is text; "" where it is none.
func (d document) plain(name string) string {
	var s string
	if json.Unmarshal(d[name], &s) != nil {
		return ""
	}
	return s
}

// set replaces a member by a text.
func (d document) set(name string, text secret.Value) {
	// A string is always written.
	d[name], _ = json.Marshal(string(text.Reveal()))
}
