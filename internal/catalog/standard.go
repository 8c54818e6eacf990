package catalog

import (
	_ "embed" // the schemas
	"encoding/json"
	"slices"
	"strconv"
	"sync"
)

//go:embed schemas/oauth.yaml
var standardText []byte

// standardSchemas are the schemas of OAuth types that have none of their own, by grant.
var standardSchemas = sync.OnceValue(func() *node {
	n, f := parseDocument(standardText)
	if f != nil { // the text is embedded
		panic("schemas/oauth.yaml: " + f.text)
	}
	return n
})

// standardMember tells whether the standard schemas have the member.
func standardMember(name string) bool {
	return slices.ContainsFunc(standardSchemas().members, func(m member) bool {
		return m.value.get("properties").get(name) != nil
	})
}

// schemaOf returns a type's schema: its own, or the standard one with the provider's
// variables before the standard members and the type's properties behind them. nil: it
// has none, which is a problem.
func schemaOf(o *OAuth, t typeRules, m member, r *report) *node {
	own, extra := m.value.get("schema"), m.value.get("properties")
	switch {
	case !t.oauth && own == nil:
		r.add(m.line, "credential type %s lacks the key %q; add it", m.name, "schema")
	case own != nil && extra != nil:
		r.add(m.line, "credential type %s has a schema and properties; put the properties into the schema, or remove it for the standard one", m.name)
	case own != nil && t.oauth && o != nil && len(o.Variables) > 0:
		r.add(own.line, "a provider with variables has the standard schema, which checks them; write what is to be added under properties")
	case own != nil:
		return own
	case extra != nil && extra.kind != objectNode:
		r.add(extra.line, "properties must be a mapping of members to their schemas, which are added to the standard ones")
	default:
		return standardSchema(o, t.grant, extra, m.line, r)
	}
	return nil
}

func standardSchema(o *OAuth, grant Grant, extra *node, line int, r *report) *node {
	if grant == "" {
		grant = GrantAuthorizationCode
	}
	standard := standardSchemas().get(string(grant))
	properties := &node{line: line, kind: objectNode}
	required := &node{line: line, kind: listNode}
	if n := standard.get("required"); n != nil {
		required.items = slices.Clone(n.items)
	}
	if o != nil {
		for _, v := range o.Variables {
			properties.members = append(properties.members, member{v.Name, line, v.schema(line)})
			if v.Default == "" {
				required.items = append(required.items, textNode(v.Name, line))
			}
		}
	}
	properties.members = append(properties.members, standard.get("properties").members...)
	if extra != nil {
		for _, m := range extra.members {
			if properties.get(m.name) != nil || standardMember(m.name) {
				r.add(m.line, "the standard schema or a variable has the member%s already; choose another name, or write a schema of your own", shown(m.name))
			}
		}
		properties.members = append(properties.members, extra.members...)
	}
	members := []member{{"type", line, standard.get("type")}}
	if len(required.items) > 0 {
		members = append(members, member{"required", line, required})
	}
	members = append(members, member{"properties", line, properties}, member{"allOf", line, standard.get("allOf")})
	return &node{line: line, kind: objectNode, members: members}
}

// schema returns the schema of the variable's member of the data.
func (v Variable) schema(line int) *node {
	n := &node{line: line, kind: objectNode}
	add := func(name string, value any) {
		if value != "" {
			n.members = append(n.members, member{name, line, textNode(value, line)})
		}
	}
	add("title", v.Title)
	add("description", v.Description)
	add("type", "string")
	add("maxLength", json.Number(strconv.Itoa(maxVariable)))
	add("pattern", v.Pattern)
	add("default", v.Default)
	if v.Example != "" {
		n.members = append(n.members, member{"examples", line, &node{line: line, kind: listNode, items: []*node{textNode(v.Example, line)}}})
		add("x-message", "Must be a value such as "+v.Example)
	}
	return n
}

func textNode(scalar any, line int) *node { return &node{line: line, scalar: scalar} }
