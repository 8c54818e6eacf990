package httpapi

import (
	"net/http"
	"path"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strongroom"
	"strongroom/api"
)

const securityUser, securityKey = "user", "apiKey"

// schemasPath is where the document keeps the schemas that it shares.
const schemasPath = "#/components/schemas/"

// newDocument begins the OpenAPI document, and the registry of the schemas it shares
// with the checks of requests.
func newDocument(version, prefix string) (huma.Registry, *huma.OpenAPI) {
	registry := huma.NewMapRegistry(schemasPath, huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[api.SecretObject](), reflect.TypeFor[map[string]any]())
	registry.RegisterTypeAlias(reflect.TypeFor[api.SecretString](), reflect.TypeFor[string]())
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info: &huma.Info{
			Title: "Strongroom", Version: version,
			Description: "People store credentials here and can never read them back. Service accounts, and nobody else, fetch them decrypted; every read is on record before it is answered. " +
				"Every response carries X-Request-ID. Every answer that is not a success has the error envelope.",
		},
		Servers: []*huma.Server{{URL: "/", Description: "This server; the API stands under " + prefix}},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				securityUser: {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "A user's JWT, or a service account's API key (saf_…)"},
				securityKey:  {Type: "apiKey", In: "header", Name: "X-API-Key", Description: "A service account's API key (saf_…). Keys of system service accounts also name an organization in X-Organization-ID"},
			},
		},
		Security: []map[string][]string{{securityUser: {}}, {securityKey: {}}},
	}
	return registry, document
}

var pathParameter = regexp.MustCompile(`\{([a-z_]+)\}`)

// describe puts an operation into the document.
func (s *server) describe(op operation) {
	d := &huma.Operation{
		Method: op.method, Path: op.path, OperationID: op.id, Tags: []string{op.tag},
		Summary: op.summary, Description: op.description, Responses: map[string]*huma.Response{},
	}
	for _, m := range pathParameter.FindAllStringSubmatch(op.path, -1) {
		schema := &huma.Schema{Type: huma.TypeString, Format: "uuid"}
		if m[1] == "provider" || strings.HasSuffix(m[1], "_name") {
			schema = &huma.Schema{Type: huma.TypeString}
		}
		d.Parameters = append(d.Parameters, &huma.Param{Name: m[1], In: "path", Required: true, Schema: schema})
	}
	for _, p := range op.query {
		d.Parameters = append(d.Parameters, &huma.Param{Name: p.name, In: "query", Description: p.description, Required: p.required, Schema: p.schema()})
	}
	for _, p := range op.headers {
		d.Parameters = append(d.Parameters, &huma.Param{Name: p.name, In: "header", Description: p.description, Schema: p.schema()})
	}
	if op.public {
		d.Security = []map[string][]string{{}}
	}
	if op.body != nil {
		d.RequestBody = &huma.RequestBody{Required: true, Content: jsonContent(op.schema)}
	}
	s.describeResponses(d, op)
	s.document.AddOperation(d)
}

func (s *server) describeResponses(d *huma.Operation, op operation) {
	success := &huma.Response{Description: http.StatusText(op.status), Headers: map[string]*huma.Header{
		"X-Request-ID": {Description: "A ULID that finds the request in the operator's log", Schema: &huma.Schema{Type: huma.TypeString}},
	}}
	switch {
	case op.answer != nil:
		success.Content = jsonContent(s.registry.Schema(op.answer, true, op.answer.Name()))
	case op.status == http.StatusSeeOther:
		success.Description = "The browser goes on to redirect_to"
		success.Headers["Location"] = &huma.Header{Description: "redirect_to, with credential_id, or with error and error_description", Schema: &huma.Schema{Type: huma.TypeString}}
	case op.write != nil:
		success.Description = "The decrypted data; its form is in the catalog, by provider and credential type"
		success.Content = jsonContent(&huma.Schema{Type: huma.TypeObject, AdditionalProperties: true})
		success.Headers["ETag"] = &huma.Header{Description: "The version of the data", Schema: &huma.Schema{Type: huma.TypeString}}
		d.Responses["304"] = &huma.Response{Description: "Nothing changed since the version in If-None-Match"}
	}
	d.Responses[strconv.Itoa(op.status)] = success
	// Anywhere: a query that cannot be parsed, an id that is none, or a system service
	// account that names no organization is a bad request.
	codes := append([]strongroom.Code{strongroom.CodeBadRequest, strongroom.CodeRateLimited,
		strongroom.CodeInternal, strongroom.CodeRepository, strongroom.CodeRepositoryUnavailable, strongroom.CodeOverloaded}, op.errors...)
	if !op.public {
		codes = append(codes, strongroom.CodeUnauthorized, strongroom.CodeOrganizationErased)
	}
	if op.body != nil {
		codes = append(codes, strongroom.CodePayloadTooLarge, strongroom.CodeUnsupportedMediaType)
	}
	if op.body != nil || op.query != nil {
		codes = append(codes, strongroom.CodeValidation)
	}
	s.describeErrors(d, codes)
}

// describeErrors lists an operation's codes under the statuses of the one table.
func (s *server) describeErrors(d *huma.Operation, codes []strongroom.Code) {
	byStatus := map[string][]string{}
	for _, c := range codes {
		status := strconv.Itoa(statuses[c])
		byStatus[status] = append(byStatus[status], "`"+string(c)+"`")
	}
	envelope := s.registry.Schema(reflect.TypeFor[api.Error](), true, "Error")
	for status, names := range byStatus {
		d.Responses[status] = &huma.Response{Description: "Codes: " + strings.Join(names, ", "), Content: jsonContent(envelope)}
	}
}

// openAnswers lets the answers have fields that are yet to come: clients ignore those
// that they do not know. What a request may also hold stays as strict as requests are.
func (s *server) openAnswers() {
	sent := map[string]bool{}
	for _, op := range s.operations() {
		if op.body != nil {
			s.collect(s.registry.Schema(op.body, true, op.body.Name()), sent)
		}
	}
	for name, schema := range s.registry.Map() {
		if schema.Type == huma.TypeObject && !sent[name] {
			schema.AdditionalProperties = true
			allowNull(schema, s.registry.TypeFromRef(schemasPath+name))
		}
	}
}

// allowNull lets be null what may be, beside the plain members, of which the generator knows
// it: objects, and texts of which all values are listed.
func allowNull(schema *huma.Schema, t reflect.Type) {
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		property := schema.Properties[name]
		switch {
		case property == nil || field.Type.Kind() != reflect.Pointer:
		case property.Ref != "":
			schema.Properties[name] = &huma.Schema{
				OneOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}, Description: field.Tag.Get("doc"),
			}
		case len(property.Enum) > 0:
			property.Enum = append(property.Enum, nil)
		}
	}
}

// collect notes the name of every shared schema that a schema leads to.
func (s *server) collect(schema *huma.Schema, names map[string]bool) {
	if schema.Ref != "" {
		name := path.Base(schema.Ref)
		if names[name] {
			return
		}
		names[name] = true
		schema = s.registry.SchemaFromRef(schema.Ref)
	}
	for _, property := range schema.Properties {
		s.collect(property, names)
	}
	if schema.Items != nil {
		s.collect(schema.Items, names)
	}
}

func jsonContent(schema *huma.Schema) map[string]*huma.MediaType {
	return map[string]*huma.MediaType{jsonType: {Schema: schema}}
}

func (p parameter) schema() *huma.Schema {
	switch p.kind {
	case "integer":
		low, high := float64(p.min), float64(p.max)
		schema := &huma.Schema{Type: huma.TypeInteger, Minimum: &low, Maximum: &high}
		if p.fallback > 0 {
			schema.Default = p.fallback
		}
		return schema
	case "uuid":
		return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
	case "time":
		return &huma.Schema{Type: huma.TypeString, Format: "date-time"}
	}
	schema := &huma.Schema{Type: huma.TypeString}
	for _, e := range p.enum {
		schema.Enum = append(schema.Enum, e)
	}
	return schema
}
