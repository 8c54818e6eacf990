package contract_test

import (
	"bytes"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"strongroom/internal/app/apptest"
)

// document is /openapi.json, ready to hold answers to.
type document struct {
	root       object
	operations []operation
}

// operation is one call, as the document describes it.
type operation struct {
	id, method, path, tag string
	pattern               *regexp.Regexp
	// responses are by status.
	responses map[string]response
}

type response struct {
	// codes are the error codes that the description names.
	codes []string
	// schema is nil where no body is described.
	schema *jsonschema.Schema
}

var read struct {
	sync.Mutex
	document *document
}

// openDocument reads the document of the first service that a test starts; the others
// serve the same.
func openDocument(t testing.TB, s *apptest.Service) *document {
	t.Helper()
	read.Lock()
	defer read.Unlock()
	if read.document == nil {
		body := s.Do(apptest.Request{Method: http.MethodGet, Path: "/openapi.json"}).Want(t, http.StatusOK).Body
		read.document = parseDocument(body)
	}
	return read.document
}

const documentURL = "https://contract.test/openapi.json"

var codeName = regexp.MustCompile("`([a-z_]+)`")

func parseDocument(body []byte) *document {
	root := mustParse(body).(object)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.AssertFormat()
	if err := compiler.AddResource(documentURL, root); err != nil {
		panic(err)
	}
	d := &document{root: root}
	for path, item := range root["paths"].(object) {
		for method, described := range item.(object) {
			op := operation{
				id: described.(object)["operationId"].(string), method: strings.ToUpper(method), path: path, tag: described.(object)["tags"].([]any)[0].(string),
				pattern:   regexp.MustCompile("^" + regexp.MustCompile(`\\\{[a-z_]+\\\}`).ReplaceAllString(regexp.QuoteMeta(path), "[^/]+") + "$"),
				responses: map[string]response{},
			}
			for status, r := range described.(object)["responses"].(object) {
				var out response
				for _, m := range codeName.FindAllStringSubmatch(r.(object)["description"].(string), -1) {
					out.codes = append(out.codes, m[1])
				}
				if r.(object)["content"] != nil {
					out.schema = compiler.MustCompile(documentURL + "#/paths/" + pointer(path) + "/" + method + "/responses/" + status + "/content/application~1json/schema")
				}
				op.responses[status] = out
			}
			d.operations = append(d.operations, op)
		}
	}
	slices.SortFunc(d.operations, func(a, b operation) int { return strings.Compare(a.id, b.id) })
	return d
}

func pointer(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(s, "~", "~0"), "/", "~1")
	return strings.NewReplacer("{", "%7B", "}", "%7D").Replace(s)
}

func mustParse(body []byte) any {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		panic(err)
	}
	return v
}

// find returns the operation that a request is for; of two that fit, the one with more
// literal text, as the server's mux does.
func (d *document) find(method, path string) (operation, bool) {
	var found operation
	for _, op := range d.operations {
		if op.method == method && op.pattern.MatchString(path) && len(op.path) > len(found.path) {
			found = op
		}
	}
	return found, found.id != ""
}

// inspect returns where an answer is not what the document says; "" where it is.
func (op operation) inspect(a apptest.Answer, code string) string {
	described, ok := op.responses[strconv.Itoa(a.Status)]
	switch {
	case !ok:
		return fmt.Sprintf("the document does not know this status of %s", op.id)
	case code != "" && !slices.Contains(described.codes, code):
		return fmt.Sprintf("the document does not know %s of %s", code, op.id)
	case described.schema == nil && len(a.Body) > 0:
		return fmt.Sprintf("the document knows no body of %s with this status", op.id)
	case described.schema == nil:
		return ""
	}
	body, err := jsonschema.UnmarshalJSON(bytes.NewReader(a.Body))
	if err != nil {
		return "the body is no JSON"
	}
	if err := described.schema.Validate(body); err != nil {
		return fmt.Sprintf("the body does not fit the document's schema of %s: %v", op.id, err)
	}
	return ""
}
