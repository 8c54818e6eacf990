package catalog

import (
	"regexp"
	"slices"
	"strings"

	"github.com/google/uuid"

	"strongroom"
)

// categories are the contract's.
var categories = []string{"automation", "human_in_the_loop", "database", "messaging", "agent_in_the_loop", "storage"}

// credentialTypes are the contract's.
var credentialTypes = []string{
	"api_key", "oauth2", "google_oauth", "sharepoint_oauth", "user_password", "key_file",
	"client_credentials", "sharepoint_receive", "google_drive_receive", "sftp", "azure_blob_receive",
}

// identifier is what providers and variables may be called.
var identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// Lengths of what is shown of a provider, in bytes.
const (
	maxDisplayName   = 128
	maxDescription   = 2000
	maxDocumentation = 500
)

// definition is a provider together with where it is defined.
type definition struct {
	provider Provider
	line     int
}

// key is a member that a mapping of the definition may have.
type key struct {
	name     string
	required bool
}

var (
	definitionKeys = []key{
		{"provider", true}, {"display_name", true}, {"description", true}, {"category", true},
		{"documentation", true}, {"plugin", false}, {"oauth", false}, {"health", false}, {"credential_types", true},
	}
)

// readDefinition reads one file. It returns nil where the file has no usable
// definition, and reports why.
func readDefinition(s source, r *report) *definition {
	root, f := parseDocument(s.text)
	if f != nil {
		r.add(f.line, "%s", f.text)
		return nil
	}
	if !r.mapping(root, root.line, "the definition", definitionKeys) {
		return nil
	}
	e := Entry{
		DisplayName:   r.textOf(root, "display_name", maxDisplayName),
		Description:   r.textOf(root, "description", maxDescription),
		Documentation: r.linkOf(root, "documentation"),
		Category:      r.textOf(root, "category", maxDisplayName),
		IsPlugin:      r.flagOf(root, "plugin", s.plugin),
	}
	if n := root.get("category"); n != nil && e.Category != "" && !slices.Contains(categories, e.Category) {
		r.add(n.line, "unknown category%s; use one of %s", shown(e.Category), strings.Join(categories, ", "))
	}
	id, line := r.textOf(root, "provider", maxDisplayName), root.line
	if n := root.get("provider"); n != nil {
		line = n.line
	}
	if id != "" && !identifier.MatchString(id) {
		r.add(line, "provider must be an id of at most 63 lower-case letters, digits and underscores that begins with a letter")
		id = ""
	}
	p := Provider{Entry: e, OAuth: readOAuthSection(root, r), types: map[strongroom.CredentialType]*dataType{}}
	p.Health = readHealth(root, p.OAuth, r)
	p.Provider, p.Name, p.ID = id, id, uuid.NewSHA1(namespace, []byte(id))
	readTypes(&p, root, s.plugin, r)
	if id == "" {
		return nil
	}
	return &definition{p, line}
}

// mapping reports whether the node is a mapping; its unknown and missing members
// become problems.
func (r *report) mapping(n *node, line int, what string, keys []key) bool {
	if n.kind != objectNode {
		r.add(line, "%s must be a mapping with the keys %s", what, list(keys))
		return false
	}
	for _, m := range n.members {
		if !slices.ContainsFunc(keys, func(k key) bool { return k.name == m.name }) {
			r.add(m.line, "unknown key%s; the keys of %s are %s", shown(m.name), what, list(keys))
		}
	}
	for _, k := range keys {
		if k.required && n.get(k.name) == nil {
			r.add(line, "%s lacks the key %q; add it", what, k.name)
		}
	}
	return true
}

func list(keys []key) string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return strings.Join(names, ", ")
}

// textOf returns a member's text; "" where it has none, which is a problem unless
// the member is missing.
func (r *report) textOf(n *node, name string, limit int) string {
	v := n.get(name)
	if v == nil {
		return ""
	}
	s, ok := v.text()
	s = strings.TrimSpace(s)
	if !ok || s == "" || len(s) > limit {
		r.add(v.line, "%s must be a text of 1 to %d bytes", name, limit)
		return ""
	}
	return s
}

// flagOf returns a member's boolean, or the default where it is missing.
func (r *report) flagOf(n *node, name string, missing bool) bool {
	v := n.get(name)
	if v == nil {
		return missing
	}
	b, ok := v.scalar.(bool)
	if !ok {
		r.add(v.line, "%s must be true or false", name)
	}
	return b
}
