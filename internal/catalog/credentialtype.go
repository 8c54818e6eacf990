package catalog

import (
	"slices"
	"strings"

	"strongroom"
)

var (
	typeKeys = []key{{"oauth", false}, {"grant", false}, {"scopes", false}, {"schema", false}, {"properties", false}}
	// oauthTypeKeys are for types with oauth: true alone.
	oauthTypeKeys = []string{"grant", "scopes", "properties"}
)

// readTypes reads the map of credential types into the provider.
func readTypes(p *Provider, root *node, eager bool, r *report) {
	n := root.get("credential_types")
	if n == nil {
		return
	}
	if n.kind != objectNode || len(n.members) == 0 {
		r.add(n.line, "credential_types must be a mapping of at least one credential type to its schema")
		return
	}
	grants := map[Grant]bool{}
	for _, m := range n.members {
		if !slices.Contains(credentialTypes, m.name) {
			r.add(m.line, "unknown credential type%s; use one of %s", shown(m.name), strings.Join(credentialTypes, ", "))
			continue
		}
		if !r.mapping(m.value, m.line, "credential type "+m.name, typeKeys) {
			continue
		}
		t := readGrant(p.OAuth, m, r)
		grants[t.grant] = true
		schema := schemaOf(p.OAuth, t, m, r)
		if schema == nil {
			continue
		}
		d := newDataType(p.Provider+"/"+m.name, schema, eager, r)
		if d == nil {
			continue
		}
		d.typeRules = t
		typ := strongroom.CredentialType(m.name)
		p.types[typ] = d
		p.CredentialTypes = append(p.CredentialTypes, typ)
		p.CredentialProviders = append(p.CredentialProviders, CredentialProvider{IsOAuth: t.oauth, Name: m.name, Schema: d.published})
	}
	checkGrants(root, grants, r)
}

// typeRules are what a definition says of a credential type beside its schema.
type typeRules struct {
	// oauth says that the data has OAuth's form.
	oauth bool
	// grant is how the type's tokens are got; "": they are not kept fresh.
	grant Grant
	// scopes are asked for in place of the provider's; nil: the provider's.
	scopes []string
	// separator stands between scopes beside spaces; "": nothing does.
	separator string
}

// readGrant reads a type's OAuth keys. o is nil where the definition has no such section.
func readGrant(o *OAuth, m member, r *report) typeRules {
	t := typeRules{oauth: r.flagOf(m.value, "oauth", false), scopes: r.scopesOf(m.value)}
	for _, name := range oauthTypeKeys {
		v := m.value.get(name)
		switch {
		case v == nil:
		case !t.oauth:
			r.add(v.line, "%s is for types with oauth: true; add that or remove it", name)
		case o == nil && name != "properties":
			r.add(v.line, "%s needs the definition's section oauth, which says where tokens come from; add it or remove this", name)
		}
	}
	grant := Grant(r.choiceOf(m.value, "grant", string(GrantAuthorizationCode), string(GrantClientCredentials)))
	if t.oauth && o != nil {
		t.grant, t.separator = grant, o.ScopeSeparator
		if grant == "" {
			t.grant = GrantAuthorizationCode
		}
	}
	if t.grant == GrantClientCredentials && o.ClientAuthentication == AuthenticateNone {
		r.add(m.line, "grant client_credentials needs a client with a secret, and client_authentication is none; change one of the two")
	}
	return t
}

// checkGrants holds the section oauth against the grants that the types use.
func checkGrants(root *node, used map[Grant]bool, r *report) {
	n := root.get("oauth")
	if n == nil || n.kind != objectNode {
		return
	}
	line := root.lineOf("oauth")
	code, client := used[GrantAuthorizationCode], used[GrantClientCredentials]
	if !code && !client {
		r.add(line, "no credential type has oauth: true, so that the section oauth is of no use; add that to a type or remove the section")
		return
	}
	if code && n.get("authorization_endpoint") == nil && n.get("discovery") == nil {
		r.add(line, "a type with the grant authorization_code needs authorization_endpoint, or discovery to find it by; add one of them")
	}
	if !client && n.get("client_credentials_grant_type") != nil {
		r.add(line, "client_credentials_grant_type is of no use without a type with grant: client_credentials; remove it")
	}
}
