package catalog

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
)

// Limits on one document. The parser's time grows with the square of the tokens,
// and an alias can stand for any amount of text.
const (
	maxTokens        = 20_000
	maxDocumentDepth = 64
	maxDocumentCost  = 1 << 20
	nodeCost         = 16
)

// parseDocument reads the one YAML document of a file.
func parseDocument(text []byte) (*node, *fault) {
	if !utf8.Valid(text) {
		line := 1
		for b := text; len(b) > 0; {
			c, size := utf8.DecodeRune(b)
			if c == utf8.RuneError && size == 1 {
				break
			}
			if c == '\n' {
				line++
			}
			b = b[size:]
		}
		return nil, &fault{line, "this is not UTF-8; save the file in that encoding"}
	}
	tokens := lexer.Tokenize(string(text))
	if len(tokens) > maxTokens {
		return nil, &fault{tokens[maxTokens].Position.Line, fmt.Sprintf("the file has more than %d tokens; shorten it", maxTokens)}
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, syntaxFault(err)
	}
	var bodies []ast.Node
	for _, d := range file.Docs {
		if d.Body != nil {
			bodies = append(bodies, d.Body)
		}
	}
	switch {
	case len(bodies) == 0:
		return nil, &fault{1, "the file is empty; write a definition or remove the file"}
	case len(bodies) > 1:
		return nil, &fault{bodies[1].GetToken().Position.Line, "a second document begins here; write one provider a file"}
	}
	r := documentReader{anchors: map[string]*node{}}
	return r.read(bodies[0], 0)
}

// syntaxFault says where the YAML breaks. The parser's own words are used where
// they quote nothing of the file.
func syntaxFault(err error) *fault {
	f := &fault{1, "this is not valid YAML; check indentation, quotes and colons"}
	var e yaml.Error
	if !errors.As(err, &e) {
		return f
	}
	if t := e.GetToken(); t != nil && t.Position != nil {
		f.line = max(t.Position.Line, 1)
	}
	if m := e.GetMessage(); m != "" && len(m) < 100 && !strings.ContainsAny(m, "\"\n`") {
		f.text = fmt.Sprintf("this is not valid YAML (%s); check indentation, quotes and colons", m)
	}
	return f
}

// documentReader turns the parser's tree into nodes.
type documentReader struct {
	anchors map[string]*node
}

func (r *documentReader) read(from ast.Node, depth int) (*node, *fault) {
	n := &node{line: lineOf(from)}
	if depth > maxDocumentDepth {
		return nil, &fault{n.line, fmt.Sprintf("values are nested more than %d deep here; flatten them", maxDocumentDepth)}
	}
	var f *fault
	switch v := from.(type) {
	case *ast.MappingNode:
		f = r.readObject(n, v.Values, depth)
	case *ast.MappingValueNode:
		f = r.readObject(n, []*ast.MappingValueNode{v}, depth)
	case *ast.SequenceNode:
		f = r.readList(n, v.Values, depth)
	case *ast.AnchorNode:
		return r.readAnchor(v, depth)
	case *ast.AliasNode:
		a, ok := r.anchors[v.Value.GetToken().Value]
		if !ok {
			return nil, &fault{n.line, "this alias names no anchor above it; define the anchor first"}
		}
		return a, nil
	default:
		f = readScalar(n, from)
	}
	if f == nil && n.cost > maxDocumentCost {
		f = &fault{n.line, fmt.Sprintf("the value is larger than %d KiB once its aliases are expanded; use fewer aliases", maxDocumentCost>>10)}
	}
	return n, f
}

// lineOf returns where a value begins; a mapping's own token is its first colon.
func lineOf(from ast.Node) int {
	if m, ok := from.(*ast.MappingNode); ok && len(m.Values) > 0 && m.Values[0].Key != nil {
		return lineOf(m.Values[0].Key)
	}
	if m, ok := from.(*ast.MappingValueNode); ok && m.Key != nil {
		return lineOf(m.Key)
	}
	if from == nil || from.GetToken() == nil || from.GetToken().Position == nil {
		return 1
	}
	return max(from.GetToken().Position.Line, 1)
}

func (r *documentReader) readAnchor(from *ast.AnchorNode, depth int) (*node, *fault) {
	// The anchor is known only below its value, so that no value can contain itself.
	n, f := r.read(from.Value, depth+1)
	if f == nil {
		r.anchors[from.Name.GetToken().Value] = n
	}
	return n, f
}

func (r *documentReader) readObject(n *node, values []*ast.MappingValueNode, depth int) *fault {
	n.kind, n.cost = objectNode, nodeCost
	seen := make(map[string]int, len(values))
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return &fault{lineOf(v.Key), "a key must be a plain or quoted string; put it in quotes"}
		}
		line := lineOf(key)
		if first, twice := seen[key.Value]; twice {
			return &fault{line, fmt.Sprintf("the key%s is already used on line %d; keep one of the two", shown(key.Value), first)}
		}
		seen[key.Value] = line
		value, f := r.read(v.Value, depth+1)
		if f != nil {
			return f
		}
		n.cost += nodeCost + len(key.Value) + value.cost
		n.members = append(n.members, member{key.Value, line, value})
	}
	return nil
}

func (r *documentReader) readList(n *node, values []ast.Node, depth int) *fault {
	n.kind, n.cost = listNode, nodeCost
	for _, v := range values {
		item, f := r.read(v, depth+1)
		if f != nil {
			return f
		}
		n.cost += item.cost
		n.items = append(n.items, item)
	}
	return nil
}

func readScalar(n *node, from ast.Node) *fault {
	n.cost = nodeCost
	switch v := from.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		n.scalar = v.Value
	case *ast.StringNode:
		n.scalar = v.Value
		n.cost += len(v.Value)
	case *ast.LiteralNode:
		n.scalar = v.Value.Value
		n.cost += len(v.Value.Value)
	case *ast.IntegerNode:
		if v.Value == nil {
			return &fault{n.line, "this number is out of range; write a smaller one"}
		}
		n.scalar = json.Number(fmt.Sprint(v.Value))
	case *ast.FloatNode:
		if math.IsInf(v.Value, 0) || math.IsNaN(v.Value) {
			return &fault{n.line, "this number is out of range; write a smaller one"}
		}
		n.scalar = json.Number(strconv.FormatFloat(v.Value, 'g', -1, 64))
	case *ast.TagNode:
		return &fault{n.line, "tags are not read here; remove the tag"}
	default:
		return &fault{n.line, "this value has no form in JSON; write a string, number, boolean, list or mapping"}
	}
	return nil
}
