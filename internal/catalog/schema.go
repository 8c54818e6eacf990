package catalog

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const (
	dialect = "https://json-schema.org/draft/2020-12/schema"
	// schemaScheme makes absolute addresses of schemas, which no loader follows.
	schemaScheme = "catalog:///"
)

// dataType is one (provider, credential type) pair.
type dataType struct {
	typeRules
	published json.RawMessage
	// schema compiles the schema once: an operator's when it is loaded, since it may
	// not compile, and an embedded one, which the tests prove, when it is first used.
	schema func() (*jsonschema.Schema, error)
	// names are the members that the schema speaks of; they may be shown.
	names map[string]bool
	// messages are the schema's x-message, by the JSON pointer of their schema object.
	messages map[string]string
	keys     []keyMember
}

// keyMember is a member with a private key, and those that may hold its passphrase.
type keyMember struct {
	name        string
	passphrases []string
}

// newDataType reads a schema and, where it is eager, compiles it; nil where it has a
// problem, which is reported with its line.
func newDataType(id string, n *node, eager bool, r *report) *dataType {
	before := len(r.faults)
	d := &dataType{names: map[string]bool{}, messages: map[string]string{}}
	l := newLinter(n, d, r)
	l.run()
	if len(r.faults) > before {
		return nil
	}
	d.published = n.appendJSON(nil)
	if n.get("$schema") == nil {
		d.published = append([]byte(`{"$schema":"`+dialect+`",`), d.published[1:]...)
	}
	d.schema = sync.OnceValues(func() (*jsonschema.Schema, error) { return compile(schemaScheme+id, d.published) })
	if eager {
		if _, err := d.schema(); err != nil {
			reportSchema(err, n, r)
			return nil
		}
	}
	return d
}

func compile(address string, schema json.RawMessage) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.UseLoader(noLoader{})
	for name, check := range formats {
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok {
				return check(s)
			}
			return nil
		}})
	}
	if err := c.AddResource(address, doc); err != nil {
		return nil, err
	}
	return c.Compile(address)
}

// noLoader refuses every document: a schema stands alone.
type noLoader struct{}

func (noLoader) Load(string) (any, error) { return nil, errors.New("no documents are loaded") }

// reportSchema says where and why a schema does not compile.
func reportSchema(err error, n *node, r *report) {
	var meta *jsonschema.SchemaValidationError
	var invalid *jsonschema.ValidationError
	if !errors.As(err, &meta) || !errors.As(meta.Err, &invalid) {
		r.add(n.line, "the schema does not compile; check it against JSON Schema 2020-12")
		return
	}
	leaf := deepest(invalid)
	_, wanted := describe(leaf.ErrorKind)
	r.add(n.at(leaf.InstanceLocation).line, "this does not fit JSON Schema 2020-12 (%s); correct the keyword", lowerFirst(wanted))
}

// deepest returns the error furthest into the schema, which says most.
func deepest(e *jsonschema.ValidationError) *jsonschema.ValidationError {
	best := e
	for _, c := range e.Causes {
		if d := deepest(c); len(d.InstanceLocation) > len(best.InstanceLocation) || len(best.Causes) > 0 {
			best = d
		}
	}
	return best
}

// fragment returns the JSON pointer (RFC 6901) at the end of a schema's address.
func fragment(address string) string {
	_, f, _ := strings.Cut(address, "#")
	if p, err := url.PathUnescape(f); err == nil {
		return p
	}
	return f
}

// escapePointer and unescapePointer are for a JSON pointer's tokens (RFC 6901).
var (
	escapePointer   = strings.NewReplacer("~", "~0", "/", "~1")
	unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")
)

func lowerFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

// localReference is the one form of $ref.
var localReference = regexp.MustCompile(`^#/\$defs/([A-Za-z0-9_-]+)$`)

// Keywords by what stands under them.
var (
	schemaKeywords = []string{"not", "if", "then", "else", "items", "contains", "additionalProperties", "propertyNames", "unevaluatedItems", "unevaluatedProperties"}
	listKeywords   = []string{"allOf", "anyOf", "oneOf", "prefixItems"}
	nameKeywords   = []string{"properties", "patternProperties", "dependentSchemas"}
	plainKeywords  = []string{
		"$comment", "title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly",
		"type", "enum", "const", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
		"minLength", "maxLength", "pattern", "minItems", "maxItems", "uniqueItems", "minContains", "maxContains",
		"minProperties", "maxProperties", "required", "dependentRequired", "contentEncoding", "contentMediaType",
	}
	libraryFormats = []string{
		"date-time", "date", "time", "duration", "email", "hostname", "ipv4", "ipv6",
		"uri", "uri-reference", "uuid", "regex", "json-pointer",
	}
	outsideKeywords = []string{"$id", "$anchor", "$dynamicRef", "$dynamicAnchor", "$recursiveRef", "$recursiveAnchor", "$vocabulary"}
)
