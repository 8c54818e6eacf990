package catalog

import (
	"cmp"
	"embed"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"strongroom"
)

// Entry is what the catalog publishes of a provider.
type Entry struct {
	// ID is a UUID of version 5 (RFC 9562, section 5.5), made of the provider's name:
	// the same on every installation.
	ID       uuid.UUID
	Category string
	// Provider and Name are the provider's id, lower case.
	Provider    string
	Name        string
	DisplayName string
	Description string
	// Documentation is an https link about the provider's credentials.
	Documentation   string
	CredentialTypes []strongroom.CredentialType
	IsPlugin        bool
	// CredentialProviders has one element for each credential type, in the same order.
	CredentialProviders []CredentialProvider
}

// CredentialProvider is what the catalog publishes of a (provider, type) pair.
type CredentialProvider struct {
	IsOAuth bool
	// Name is the credential type.
	Name string
	// Schema is the JSON Schema (2020-12) of the data, members in the order in which
	// a form should show them.
	Schema json.RawMessage
}

// Provider is one provider of the catalog.
type Provider struct {
	Entry
	// OAuth is how the provider's OAuth works; nil: it has none that is known here.
	OAuth *OAuth
	// Health is how the provider's credentials are tested; nil: they cannot be.
	Health *Health
	types  map[strongroom.CredentialType]*dataType
}

// Catalog holds every provider. It does not change once loaded and is safe for
// concurrent use.
type Catalog struct {
	// providers is in order of name.
	providers []Provider
	byName    map[string]Provider
}

//go:embed providers/*.yaml
var embedded embed.FS

// namespace is the UUID that the providers' ids are made in.
var namespace = uuid.MustParse("5d1cf0f6-3a0b-4c0e-9d55-7b2f0c1f9a64")

// Load reads the embedded definitions and those in the directory's *.yaml and
// *.yml files; "" names no directory. The error joins every problem found, each as
// "file:line: sentence".
func Load(dir string) (*Catalog, error) {
	sources, err := embeddedSources()
	if err != nil {
		return nil, err
	}
	var problems []error
	if dir != "" {
		own, found := directorySources(dir)
		sources, problems = append(sources, own...), append(problems, found...)
	}
	c := &Catalog{byName: map[string]Provider{}}
	origin := map[string]string{}
	for _, s := range sources {
		r := &report{file: s.file}
		def := readDefinition(s, r)
		if def != nil {
			c.add(*def, origin, r)
		}
		problems = append(problems, r.errors()...)
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	slices.SortFunc(c.providers, func(a, b Provider) int { return cmp.Compare(a.Provider, b.Provider) })
	return c, nil
}

// add takes a definition in; origin says which file each provider came from.
func (c *Catalog) add(d definition, origin map[string]string, r *report) {
	name := d.provider.Provider
	if first, taken := origin[name]; taken {
		r.add(d.line, "provider %q is already defined in %s; choose another id", name, first)
		return
	}
	origin[name] = r.file
	c.providers = append(c.providers, d.provider)
	c.byName[name] = d.provider
}

// Entries returns what is published, in order of the providers' names. The caller
// must not change what they point to.
func (c *Catalog) Entries() []Entry {
	entries := make([]Entry, len(c.providers))
	for i, p := range c.providers {
		entries[i] = p.Entry
	}
	return entries
}

// Provider returns a provider by its name in any case.
func (c *Catalog) Provider(name string) (Provider, bool) {
	if p, ok := c.byName[name]; ok {
		return p, true
	}
	p, ok := c.byName[strings.ToLower(name)]
	return p, ok
}
