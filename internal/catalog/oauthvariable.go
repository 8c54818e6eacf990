package catalog

import (
	"regexp"
	"regexp/syntax"
	"slices"
	"unicode"
)

const (
	maxVariables = 10
	// maxVariable is a value's length in bytes: a whole host name.
	maxVariable = 253
	// maxListed is up to how many values a pattern counts as a list of them.
	maxListed = 100
)

var variableKeys = []key{{"title", true}, {"description", false}, {"pattern", true}, {"example", false}, {"default", false}}

// variableSet is a definition's variables and what of them the addresses use.
type variableSet struct {
	list  []Variable
	known map[string]*variableUse
}

type variableUse struct {
	line int
	// listed says that the pattern matches a few values, all of which the definition's
	// author has seen.
	listed, used bool
}

// variablesOf reads the variables, in the definition's order.
func (r *report) variablesOf(n *node) variableSet {
	set := variableSet{known: map[string]*variableUse{}}
	v := n.get("variables")
	if v == nil {
		return set
	}
	if v.kind != objectNode || len(v.members) > maxVariables {
		r.add(v.line, "variables must be a mapping of at most %d names to what they are", maxVariables)
		return set
	}
	for _, m := range v.members {
		set.known[m.name] = &variableUse{line: m.line, listed: true, used: true}
		if !identifier.MatchString(m.name) || m.name == tokenTenant || standardMember(m.name) {
			r.add(m.line, "a variable's name must be lower-case letters, digits and underscores, and none of %s and the standard members; choose another", tokenTenant)
			continue
		}
		if r.mapping(m.value, m.line, "the variable"+shown(m.name), variableKeys) {
			variable, listed := r.variable(m)
			set.list = append(set.list, variable)
			set.known[m.name] = &variableUse{line: m.line, listed: listed, used: variable.Default != ""}
		}
	}
	return set
}

// variable reads one, and tells whether its pattern lists the values.
func (r *report) variable(m member) (Variable, bool) {
	v := Variable{
		Name:        m.name,
		Title:       r.textOf(m.value, "title", maxDisplayName),
		Description: r.textOf(m.value, "description", maxDescription),
		Example:     r.textOf(m.value, "example", maxVariable),
		Default:     r.textOf(m.value, "default", maxVariable),
	}
	pattern := r.textOf(m.value, "pattern", maxValue)
	if pattern == "" {
		return v, true
	}
	line := m.value.get("pattern").line
	// The pattern must be one by itself too, or it could close the anchors' group.
	_, alone := syntax.Parse(pattern, syntax.Perl)
	anchored := "^(?:" + pattern + ")$"
	whole, err := regexp.Compile(anchored)
	if alone != nil || err != nil {
		r.add(line, "this is no regular expression of RE2's syntax; correct it")
		return v, true
	}
	v.Pattern = anchored
	tree, err := syntax.Parse(anchored, syntax.Perl)
	if err != nil || !harmless(tree) || slices.ContainsFunc([]string{"", ".", ".."}, whole.MatchString) {
		r.add(line, "the pattern must match ASCII letters, digits and -._~ alone, and neither nothing nor only dots, or a value could leave its place in an address; write one as in [a-z0-9-]+")
		return v, true
	}
	for name, text := range map[string]string{"example": v.Example, "default": v.Default} {
		if text != "" && !whole.MatchString(text) {
			r.add(m.value.get(name).line, "the %s does not match the pattern; correct one of the two", name)
		}
	}
	return v, count(tree) <= maxListed
}

// use notes that an address has the variable; false where there is none of that name.
func (s variableSet) use(name string) bool {
	u, ok := s.known[name]
	if ok {
		u.used = true
	}
	return ok
}

func (s variableSet) listed(name string) bool {
	u, ok := s.known[name]
	return ok && u.listed
}

func (s variableSet) reportUnused(r *report) {
	for _, u := range s.known {
		if !u.used {
			r.add(u.line, "no address uses this variable; remove it, or put {name} where it belongs")
		}
	}
}

// harmless tells whether a pattern consumes nothing but RFC 3986's unreserved characters
// (section 2.3), which mean the same in every part of an address.
func harmless(e *syntax.Regexp) bool {
	switch e.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpLiteral:
		for _, c := range e.Rune {
			if !unreserved(c) {
				return false
			}
			// Folding leads to letters beyond ASCII: the Kelvin sign is a k.
			for f := unicode.SimpleFold(c); e.Flags&syntax.FoldCase != 0 && f != c; f = unicode.SimpleFold(f) {
				if !unreserved(f) {
					return false
				}
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(e.Rune); i += 2 {
			for c := e.Rune[i]; c <= e.Rune[i+1]; c++ {
				if !unreserved(c) {
					return false
				}
			}
		}
	}
	return !slices.ContainsFunc(e.Sub, func(s *syntax.Regexp) bool { return !harmless(s) })
}

func unreserved(c rune) bool {
	return c < unicode.MaxASCII && (isAlphanumeric(byte(c)) || c == '-' || c == '.' || c == '_' || c == '~')
}

// count returns how many texts a pattern matches, or a number above maxListed.
func count(e *syntax.Regexp) int {
	n := 1
	switch e.Op {
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		return maxListed + 1
	case syntax.OpCharClass:
		n = 0
		for i := 0; i < len(e.Rune); i += 2 {
			n += int(e.Rune[i+1]-e.Rune[i]) + 1
		}
	case syntax.OpQuest:
		n = count(e.Sub[0]) + 1
	case syntax.OpAlternate:
		n = 0
		for _, s := range e.Sub {
			n += count(s)
		}
	case syntax.OpConcat, syntax.OpCapture:
		for _, s := range e.Sub {
			n = min(n*count(s), maxListed+1)
		}
	}
	return min(n, maxListed+1)
}
