package catalog

import (
	"encoding/json"
	"strconv"
)

type nodeKind int

const (
	scalarNode nodeKind = iota
	listNode
	objectNode
)

// node is a YAML value that JSON can express, with the line it stands on.
type node struct {
	line int
	kind nodeKind
	// scalar is nil, a bool, a string or a json.Number.
	scalar  any
	items   []*node
	members []member
	// cost is what the value takes once its aliases are expanded, in bytes or so.
	cost int
}

type member struct {
	name  string
	line  int
	value *node
}

// get returns the value of a member, nil where there is none.
func (n *node) get(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// lineOf returns the line of a member's name, or the node's where there is none.
func (n *node) lineOf(name string) int {
	for _, m := range n.members {
		if m.name == name {
			return m.line
		}
	}
	return n.line
}

// at follows a JSON pointer's tokens as far as they lead.
func (n *node) at(tokens []string) *node {
	for _, t := range tokens {
		next := n.get(t)
		if i, err := strconv.Atoi(t); err == nil && n.kind == listNode && i >= 0 && i < len(n.items) {
			next = n.items[i]
		}
		if next == nil {
			return n
		}
		n = next
	}
	return n
}

// text returns the string a scalar holds.
func (n *node) text() (string, bool) {
	s, ok := n.scalar.(string)
	return s, ok
}

// appendJSON appends the value as JSON, members in the order of the document.
func (n *node) appendJSON(b []byte) []byte {
	switch n.kind {
	case listNode:
		b = append(b, '[')
		for i, item := range n.items {
			if i > 0 {
				b = append(b, ',')
			}
			b = item.appendJSON(b)
		}
		return append(b, ']')
	case objectNode:
		b = append(b, '{')
		for i, m := range n.members {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(appendScalar(b, m.name), ':')
			b = m.value.appendJSON(b)
		}
		return append(b, '}')
	}
	return appendScalar(b, n.scalar)
}

func appendScalar(b []byte, v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // a scalar is nil, a bool, a string or a finite number
		panic(err)
	}
	return append(b, text...)
}
