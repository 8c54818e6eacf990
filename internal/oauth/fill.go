package oauth

import (
	"fmt"
	"regexp"
	"strings"

	"strongroom/internal/catalog"
)

const (
	// maxVariable is a value's length in bytes: that of a host name.
	maxVariable = 253
	// tokenTenant stays in an issuer: it stands for the ID token's own tid claim.
	tokenTenant = "tenantid"
)

var (
	placeholder = regexp.MustCompile(`\{([^{}]*)\}`)
	// unreserved are the characters that mean the same in every part of an address (RFC
	// 3986, section 2.3), so that no value leaves its place.
	unreserved = regexp.MustCompile(`^[A-Za-z0-9._~-]+$`)
)

// VariableError says which variable of a definition has no value that can be used. It
// never holds the value.
type VariableError struct {
	Name string
	// Message is a sentence for people.
	Message string
}

// Error returns the variable's name and the sentence.
func (e *VariableError) Error() string { return fmt.Sprintf("variable %s: %s", e.Name, e.Message) }

// Fill returns the definition with the variables in its addresses replaced by their values
// or defaults. Values of no variable are ignored, an empty one is none, and each must match
// its pattern; the error is a *VariableError.
func Fill(def catalog.OAuth, variables map[string]string) (catalog.OAuth, error) {
	values := make(map[string]string, len(def.Variables))
	for _, v := range def.Variables {
		value, err := valueOf(v, variables[v.Name])
		if err != nil {
			return catalog.OAuth{}, err
		}
		values[v.Name] = value
	}
	for _, address := range []*string{
		&def.Discovery, &def.AuthorizationEndpoint, &def.TokenEndpoint, &def.RevocationEndpoint,
		&def.UserinfoEndpoint, &def.JWKSURI,
	} {
		var err error
		if *address, err = fillAddress(*address, values); err != nil {
			return catalog.OAuth{}, err
		}
	}
	// After the addresses, where it would be an unknown variable.
	values[tokenTenant] = "{" + tokenTenant + "}"
	var err error
	if def.Issuer, err = fillAddress(def.Issuer, values); err != nil {
		return catalog.OAuth{}, err
	}
	return def, nil
}

func valueOf(v catalog.Variable, value string) (string, error) {
	if value == "" {
		value = v.Default
	}
	if value == "" {
		return "", &VariableError{v.Name, "A value is required"}
	}
	pattern, err := regexp.Compile(`^(?:` + v.Pattern + `)$`)
	if err != nil {
		return "", &VariableError{v.Name, "The definition's pattern is no regular expression; correct it"}
	}
	if len(value) > maxVariable || !unreserved.MatchString(value) || strings.Trim(value, ".") == "" || !pattern.MatchString(value) {
		message := "The value does not have the form that is asked for"
		if v.Example != "" {
			message += ", as in " + v.Example
		}
		return "", &VariableError{v.Name, message}
	}
	return value, nil
}

// fillAddress puts the values into one address.
func fillAddress(text string, values map[string]string) (string, error) {
	for _, m := range placeholder.FindAllStringSubmatch(text, -1) {
		if _, ok := values[m[1]]; !ok {
			return "", &VariableError{m[1], "The definition does not define it; correct the definition"}
		}
	}
	return placeholder.ReplaceAllStringFunc(text, func(name string) string {
		return values[name[1:len(name)-1]]
	}), nil
}

// Variables returns the values of a definition's variables that stand in the data.
func Variables(def catalog.OAuth, data map[string]any) map[string]string {
	values := map[string]string{}
	for _, v := range def.Variables {
		if text, ok := data[v.Name].(string); ok {
			values[v.Name] = text
		}
	}
	return values
}
