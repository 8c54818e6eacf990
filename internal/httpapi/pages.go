package httpapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"strongroom/api"
)

//go:embed docs.html
var docsHTML string

// registerPages serves what stands outside the API and asks for no credential.
func (s *server) registerPages() error {
	document, err := json.MarshalIndent(s.document, "", "  ")
	if err != nil {
		return fmt.Errorf("the OpenAPI document does not encode: %w", err)
	}
	docs, err := s.renderDocs()
	if err != nil {
		return fmt.Errorf("the documentation page does not render: %w", err)
	}
	s.page("/openapi.json", static(jsonType, document))
	s.page("/docs", static("text/html; charset=utf-8", docs))
	s.page("/metrics", s.Metrics)
	s.page("/healthz", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = writeJSON(w, http.StatusOK, api.Health{Status: "ok"})
	}))
	s.page("/readyz", &readiness{checks: s.Checks, clock: s.Clock})
	return nil
}

func (s *server) page(path string, h http.Handler) {
	s.mux.Handle("GET "+path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		x := exchangeOf(r.Context())
		x.reached, x.route = true, path
		h.ServeHTTP(w, r)
	}))
}

func static(contentType string, body []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'")
		_, _ = w.Write(body)
	})
}

// What docs.html is rendered from.
type (
	docsPage struct {
		Title, Version, Description string
		Tags                        []docsTag
	}
	docsTag struct {
		Name       string
		Operations []docsOperation
	}
	docsOperation struct {
		Method, Path, ID, Summary, Description string
		Parameters                             []*huma.Param
		Body                                   template.HTML
		Responses                              []docsResponse
	}
	docsResponse struct {
		Status, Description string
		Body                template.HTML
	}
)

// renderDocs makes the readable form of the document once, on this side: the page needs
// no script and no other host.
func (s *server) renderDocs() ([]byte, error) {
	t, err := template.New("docs").Parse(docsHTML)
	if err != nil {
		return nil, err
	}
	page := docsPage{Title: s.document.Info.Title, Version: s.document.Info.Version, Description: s.document.Info.Description}
	for _, op := range s.operations() {
		item := s.document.Paths[s.Prefix+op.path]
		described := map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodPatch: item.Patch, http.MethodDelete: item.Delete}[op.method]
		i := slices.IndexFunc(page.Tags, func(t docsTag) bool { return t.Name == op.tag })
		if i < 0 {
			page.Tags = append(page.Tags, docsTag{Name: op.tag})
			i = len(page.Tags) - 1
		}
		page.Tags[i].Operations = append(page.Tags[i].Operations, s.docsOperation(described))
	}
	var out bytes.Buffer
	err = t.Execute(&out, page)
	return out.Bytes(), err
}

func (s *server) docsOperation(op *huma.Operation) docsOperation {
	d := docsOperation{Method: op.Method, Path: op.Path, ID: op.OperationID, Summary: op.Summary, Description: op.Description, Parameters: op.Parameters}
	if op.RequestBody != nil {
		d.Body = s.fields(op.RequestBody.Content[jsonType].Schema, 0)
	}
	for status, r := range op.Responses {
		// The document's descriptions are Markdown; here the codes need no marks.
		response := docsResponse{Status: status, Description: strings.ReplaceAll(r.Description, "`", "")}
		if content := r.Content[jsonType]; content != nil && status < "300" {
			response.Body = s.fields(content.Schema, 0)
		}
		d.Responses = append(d.Responses, response)
	}
	slices.SortFunc(d.Responses, func(a, b docsResponse) int { return strings.Compare(a.Status, b.Status) })
	return d
}

// fields renders a schema's properties as a nested list.
func (s *server) fields(schema *huma.Schema, depth int) template.HTML {
	if schema.Ref != "" {
		schema = s.registry.SchemaFromRef(schema.Ref)
	}
	if schema.Type == huma.TypeArray && schema.Items != nil {
		return "<p>A list of:</p>" + s.fields(schema.Items, depth)
	}
	if depth > 3 || len(schema.Properties) == 0 {
		return ""
	}
	names := make([]string, 0, len(schema.Properties))
	for name := range schema.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	var out strings.Builder
	out.WriteString("<ul>")
	for _, name := range names {
		p := schema.Properties[name]
		kind := p.Type
		if p.Format != "" {
			kind += ", " + p.Format
		}
		if slices.Contains(schema.Required, name) {
			kind += ", required"
		}
		fmt.Fprintf(&out, "<li><code>%s</code> <i>%s</i> %s", template.HTMLEscapeString(name), template.HTMLEscapeString(strings.TrimPrefix(kind, ", ")), template.HTMLEscapeString(p.Description))
		if p.Ref != "" || p.Type == huma.TypeArray && p.Items != nil && p.Items.Ref != "" {
			out.WriteString(string(s.fields(p, depth+1)))
		}
		out.WriteString("</li>")
	}
	out.WriteString("</ul>")
	return template.HTML(out.String())
}
