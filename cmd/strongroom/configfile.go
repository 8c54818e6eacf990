package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"strongroom/internal/app"
)

// maxConfigFile bounds a configuration file in bytes, maxConfigTokens in tokens: the
// parser's time grows with their square.
const (
	maxConfigFile   = 256 << 10
	maxConfigTokens = 20_000
)

// keyForm says how a key's value is written.
type keyForm int

const (
	formScalar keyForm = iota
	// formList is a list of scalars, or one scalar.
	formList
	// formIssuers is a list of objects with the keys of app.Issuer.
	formIssuers
)

// configFile is what a configuration file says: each value in the form that the flag of
// the same name takes.
type configFile struct {
	name     string
	settings map[string]setting
}

type setting struct {
	value string
	line  int
}

func (f *configFile) at(line int) string { return fmt.Sprintf("%s:%d:", f.name, line) }

// fail returns an error that names the file and the line.
func (f *configFile) fail(line int, format string, args ...any) error {
	return fmt.Errorf("%s %s", f.at(line), fmt.Sprintf(format, args...))
}

func readConfigFile(path string, keys map[string]keyForm) (*configFile, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the configuration file cannot be read: %w", err)
	}
	defer in.Close()
	text, err := io.ReadAll(io.LimitReader(in, maxConfigFile+1))
	if err != nil {
		return nil, fmt.Errorf("the configuration file cannot be read: %w", err)
	}
	return parseConfigFile(path, text, keys)
}

// parseConfigFile reads one YAML document with a mapping of known keys. Anchors, tags
// and nesting have no use there and are refused.
func parseConfigFile(name string, text []byte, keys map[string]keyForm) (*configFile, error) {
	f := &configFile{name: name, settings: map[string]setting{}}
	if len(text) > maxConfigFile || !utf8.Valid(text) {
		return nil, f.fail(1, "this is not a text of at most %d KiB: is it the right file?", maxConfigFile>>10)
	}
	tokens := lexer.Tokenize(string(text))
	if len(tokens) > maxConfigTokens {
		return nil, f.fail(tokens[maxConfigTokens].Position.Line, "the file is too long: is it the right one?")
	}
	parsed, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		return nil, f.syntaxError(err)
	}
	for _, doc := range parsed.Docs {
		if err := f.readDocument(doc.Body, keys); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// syntaxError names the line. The parser's own text may quote the file.
func (f *configFile) syntaxError(err error) error {
	line := 1
	var at yaml.Error
	if errors.As(err, &at) {
		line = lineOf(at.GetToken().Position.Line)
	}
	return f.fail(line, "this is not valid YAML: check indentation, quotes and colons")
}

func (f *configFile) readDocument(body ast.Node, keys map[string]keyForm) error {
	if body == nil {
		return nil
	}
	return f.readMapping(body, func(key string, line int, value ast.Node) error {
		form, known := keys[key]
		if !known {
			return f.unknownKey(key, line, keys)
		}
		if _, twice := f.settings[key]; twice {
			return f.fail(line, "%s is set already, in line %d", key, f.settings[key].line)
		}
		text, err := f.readValue(key, form, line, value)
		f.settings[key] = setting{value: text, line: line}
		return err
	})
}

func (f *configFile) unknownKey(key string, line int, keys map[string]keyForm) error {
	if like := strings.ReplaceAll(key, "-", "_"); key != like {
		if _, known := keys[like]; known {
			return f.fail(line, "unknown key %q: it is written %s", key, like)
		}
	}
	const shown = 40
	if len(key) > shown {
		key = strings.ToValidUTF8(key[:shown], "") + "…"
	}
	return f.fail(line, "unknown key %q: docs/configuration.md lists the known ones", key)
}

func (f *configFile) readValue(key string, form keyForm, line int, value ast.Node) (string, error) {
	list, isList := value.(*ast.SequenceNode)
	switch {
	case form == formIssuers && isList:
		return f.readIssuers(line, list)
	case form == formIssuers:
		return "", f.fail(line, "%s must be a list: begin each entry with a dash", key)
	case form == formList && isList:
		items := make([]string, len(list.Values))
		for i, item := range list.Values {
			text, err := f.readScalar(key, line, item)
			if err != nil {
				return "", err
			}
			items[i] = text
		}
		return strings.Join(items, ","), nil
	}
	return f.readScalar(key, line, value)
}

// readIssuers returns the list as the JSON that app.Issuers takes.
func (f *configFile) readIssuers(line int, list *ast.SequenceNode) (string, error) {
	known := map[string]bool{}
	for i := range reflect.TypeFor[app.Issuer]().NumField() {
		known[reflect.TypeFor[app.Issuer]().Field(i).Tag.Get("json")] = true
	}
	issuers := make([]map[string]string, 0, len(list.Values))
	for _, item := range list.Values {
		issuer := map[string]string{}
		err := f.readMapping(item, func(key string, line int, value ast.Node) error {
			if !known[key] {
				return f.fail(line, "an issuer has no key %q", key)
			}
			text, err := f.readScalar(key, line, value)
			issuer[key] = text
			return err
		})
		if err != nil {
			return "", err
		}
		issuers = append(issuers, issuer)
	}
	text, err := json.Marshal(issuers)
	if err != nil {
		return "", f.fail(line, "the issuers cannot be read")
	}
	return string(text), nil
}

// readMapping calls entry for every key of a mapping.
func (f *configFile) readMapping(from ast.Node, entry func(key string, line int, value ast.Node) error) error {
	var values []*ast.MappingValueNode
	switch m := from.(type) {
	case *ast.MappingNode:
		values = m.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{m}
	default:
		return f.fail(nodeLine(from), "here should stand settings, each as key: value")
	}
	for _, v := range values {
		key, ok := v.Key.(*ast.StringNode)
		if !ok {
			return f.fail(nodeLine(v.Key), "a key must be a plain word")
		}
		if err := entry(key.Value, nodeLine(v.Key), v.Value); err != nil {
			return err
		}
	}
	return nil
}

func (f *configFile) readScalar(key string, line int, from ast.Node) (string, error) {
	switch v := from.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return from.GetToken().Value, nil
	case *ast.NullNode, nil:
		return "", f.fail(line, "%s has no value: give it one or remove the key", key)
	}
	return "", f.fail(line, "%s must be a single value", key)
}

func nodeLine(n ast.Node) int {
	if n == nil || n.GetToken() == nil || n.GetToken().Position == nil {
		return 1
	}
	return lineOf(n.GetToken().Position.Line)
}

func lineOf(line int) int { return max(line, 1) }
