package catalog

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const (
	maxMessage = 300
	// maxExpanded bounds a schema's objects, counted once for every way that leads to
	// them: the work of one check.
	maxExpanded = 10_000
)

// linter walks a schema before it is compiled: it finds what the compiler would
// pass over in silence, and gathers what Check needs besides.
type linter struct {
	root *node
	d    *dataType
	r    *report
	// unit is what is being walked: "" for the schema itself, or a name in $defs.
	unit string
	// refs and sizes say, for each unit, which definitions it refers to (as often as
	// it does) and how many schema objects it has.
	refs  map[string][]reference
	sizes map[string]int
}

type reference struct {
	name string
	line int
}

func newLinter(n *node, d *dataType, r *report) *linter {
	return &linter{root: n, d: d, r: r, refs: map[string][]reference{}, sizes: map[string]int{}}
}

func (l *linter) run() {
	n := l.root
	if t := n.get("type"); n.kind != objectNode || t == nil || t.scalar != "object" {
		l.r.add(n.line, "the schema must be a mapping with type: object, since credentials are objects; add it")
		return
	}
	l.object(n, "")
	if defs := n.get("$defs"); defs != nil {
		if defs.kind != objectNode {
			l.r.add(defs.line, "$defs must be a mapping of names to schemas")
			return
		}
		for _, m := range defs.members {
			l.unit = m.name
			l.schema(m.value, "/$defs/"+escapePointer.Replace(m.name))
		}
	}
	if l.expand("", map[string]bool{}, map[string]int{}) > maxExpanded {
		l.r.add(n.line, "the schema comes to more than %d parts once its $refs are followed; simplify it", maxExpanded)
	}
}

// schema walks what stands in a schema's place.
func (l *linter) schema(n *node, pointer string) {
	if _, ok := n.scalar.(bool); ok {
		return
	}
	if n.kind != objectNode {
		l.r.add(n.line, "a schema must be a mapping, true or false")
		return
	}
	l.object(n, pointer)
}

func (l *linter) object(n *node, pointer string) {
	l.sizes[l.unit]++
	for _, m := range n.members {
		at := pointer + "/" + escapePointer.Replace(m.name)
		switch {
		case m.name == "propertyNames" && pointer != "":
			// The library's errors about names do not say where inside the data they are.
			l.r.add(m.line, "propertyNames may stand only at the top of the schema; use patternProperties here")
		case slices.Contains(schemaKeywords, m.name):
			l.schema(m.value, at)
		case slices.Contains(listKeywords, m.name):
			for i, item := range m.value.items {
				l.schema(item, at+"/"+strconv.Itoa(i))
			}
		case slices.Contains(nameKeywords, m.name):
			for _, p := range m.value.members {
				switch m.name {
				case "properties":
					l.d.names[p.name] = true
				case "patternProperties":
					l.pattern(p.name, p.line)
				}
				l.schema(p.value, at+"/"+escapePointer.Replace(p.name))
			}
		default:
			l.keyword(n, m, pointer)
		}
	}
}

// keyword looks at a keyword that has no schemas under it.
func (l *linter) keyword(n *node, m member, pointer string) {
	text, isText := m.value.text()
	switch {
	case m.name == "$defs" && pointer == "":
	case m.name == "$defs":
		l.r.add(m.line, "$defs may stand only at the top of the schema; move it there")
	case m.name == "$schema" && pointer == "" && text == dialect:
	case m.name == "$schema":
		l.r.add(m.line, "$schema may only be %s, at the top of the schema; correct or remove it", dialect)
	case m.name == "$ref":
		l.ref(text, m)
	case slices.Contains(outsideKeywords, m.name):
		l.r.add(m.line, "%s is not allowed, for a schema must stand alone; use $defs and $ref", m.name)
	case m.name == "format":
		l.format(n, text, m, pointer)
	case m.name == "pattern" && isText:
		l.pattern(text, m.line)
	case m.name == "x-message" && (!isText || text == "" || len(text) > maxMessage):
		l.r.add(m.line, "x-message must be a sentence of 1 to %d bytes", maxMessage)
	case m.name == "x-message":
		l.d.messages[pointer] = text
	case m.name == "x-passphrase":
		if f := n.get("format"); f == nil || f.scalar != privateKeyFormat {
			l.r.add(m.line, "x-passphrase belongs beside format: %s; remove it", privateKeyFormat)
		}
	case strings.HasPrefix(m.name, "x-"), slices.Contains(plainKeywords, m.name):
	default:
		l.r.add(m.line, "unknown keyword%s; correct it, or begin it with x- where it is an annotation", shown(m.name))
	}
}

func (l *linter) pattern(text string, line int) {
	if _, err := regexp.Compile(text); err != nil {
		l.r.add(line, "this is no regular expression of RE2's syntax; correct it")
	}
}

func (l *linter) ref(text string, m member) {
	match := localReference.FindStringSubmatch(text)
	if match == nil {
		l.r.add(m.line, "$ref may only be \"#/$defs/name\": nothing outside the schema is read; copy what it refers to into $defs")
		return
	}
	if defs := l.root.get("$defs"); defs == nil || defs.get(match[1]) == nil {
		l.r.add(m.line, "$ref names nothing that is in $defs; correct the name")
		return
	}
	l.refs[l.unit] = append(l.refs[l.unit], reference{match[1], m.line})
}

func (l *linter) format(n *node, text string, m member, pointer string) {
	if text == privateKeyFormat {
		l.privateKey(n, m, pointer)
		return
	}
	if _, ours := formats[text]; !ours && !slices.Contains(libraryFormats, text) {
		l.r.add(m.line, "unknown format%s; use one that the catalog's documentation lists", shown(text))
	}
}

// privateKey notes a member with a private key, which must be the object's own.
func (l *linter) privateKey(n *node, m member, pointer string) {
	name, ok := strings.CutPrefix(pointer, "/properties/")
	if !ok || strings.Contains(name, "/") {
		l.r.add(m.line, "format: %s may stand only in the schema's own properties; move it there", privateKeyFormat)
		return
	}
	k := keyMember{name: unescapePointer.Replace(name)}
	if p := n.get("x-passphrase"); p != nil {
		for _, item := range p.items {
			if s, ok := item.text(); ok {
				k.passphrases = append(k.passphrases, s)
			}
		}
		if len(k.passphrases) == 0 || len(k.passphrases) != len(p.items) {
			l.r.add(p.line, "x-passphrase must be a list of the members that may hold the passphrase")
		}
	}
	l.d.keys = append(l.d.keys, k)
}

// expand returns how many schema objects a unit comes to with all it refers to, or
// some number above maxExpanded. A unit that leads back to itself is a problem.
func (l *linter) expand(unit string, open map[string]bool, known map[string]int) int {
	if size, ok := known[unit]; ok {
		return size
	}
	open[unit] = true
	size := l.sizes[unit]
	for _, ref := range l.refs[unit] {
		if open[ref.name] {
			l.r.add(ref.line, "this $ref leads back to itself; write the schema without recursion")
			continue
		}
		size = min(size+l.expand(ref.name, open, known), maxExpanded+1)
	}
	delete(open, unit)
	known[unit] = size
	return size
}
