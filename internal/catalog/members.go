package catalog

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// section returns the mapping under a key; an empty one where there is none or where
// it is something else, which is a problem.
func (r *report) section(n *node, name string, keys []key) *node {
	found := &node{line: n.lineOf(name), kind: objectNode}
	if v := n.get(name); v != nil && r.mapping(v, found.line, name, keys) {
		found.members = v.members
	}
	return found
}

// wordOf returns a member's text where it fits; want says what does.
func (r *report) wordOf(n *node, name, want string, fits func(string) bool) string {
	v := n.get(name)
	if v == nil {
		return ""
	}
	s, ok := v.text()
	if !ok || !fits(s) {
		r.add(v.line, "%s must be %s", name, want)
		return ""
	}
	return s
}

// choiceOf returns a member's text, which must be one of the choices.
func (r *report) choiceOf(n *node, name string, choices ...string) string {
	return r.wordOf(n, name, "one of "+strings.Join(choices, ", "), func(s string) bool { return slices.Contains(choices, s) })
}

// pathOf returns a dotted path of members, or the default where it is missing.
func (r *report) pathOf(n *node, name, missing string) string {
	if n.get(name) == nil {
		return missing
	}
	return r.wordOf(n, name, "a member's name, or a path of names as in error.code", memberPath.MatchString)
}

// linkOf returns an https link for people.
func (r *report) linkOf(n *node, name string) string {
	s := r.textOf(n, name, maxDocumentation)
	if s != "" && checkHTTPSURL(s) != nil {
		r.add(n.get(name).line, "%s must be an https link; write one that explains the provider's credentials", name)
	}
	return s
}

// listOf returns a member's list of texts that fit, without repetitions; nil where it
// has none. want says what an item is.
func (r *report) listOf(n *node, name string, most int, fits func(string) bool, want string) []string {
	v := n.get(name)
	if v == nil {
		return nil
	}
	if v.kind != listNode || len(v.items) > most {
		r.add(v.line, "%s must be a list of at most %d items, each %s", name, most, want)
		return nil
	}
	found := make([]string, 0, len(v.items))
	for _, item := range v.items {
		s, ok := item.text()
		switch {
		case !ok || s == "" || !fits(s):
			r.add(item.line, "each item of %s must be %s", name, want)
		case slices.Contains(found, s):
			r.add(item.line, "%s has the same item twice; remove one", name)
		default:
			found = append(found, s)
		}
	}
	return found
}

// pairsOf returns a mapping of texts; nil where there is none. refuse says what is
// wrong with one, or "".
func (r *report) pairsOf(n *node, name string, refuse func(name, value string) string) map[string]string {
	v := n.get(name)
	if v == nil {
		return nil
	}
	if v.kind != objectNode || len(v.members) > maxParameters {
		r.add(v.line, "%s must be a mapping of at most %d names to texts", name, maxParameters)
		return nil
	}
	pairs := make(map[string]string, len(v.members))
	for _, m := range v.members {
		text, ok := m.value.text()
		if !ok || len(text) > maxValue || !printable.MatchString(text) {
			r.add(m.line, "each value of %s must be a text of at most %d printable ASCII characters; put numbers, true and false in quotes", name, maxValue)
			continue
		}
		if problem := refuse(m.name, text); problem != "" {
			r.add(m.line, "%s", problem)
			continue
		}
		pairs[m.name] = text
	}
	return pairs
}

var days = regexp.MustCompile(`^([1-9][0-9]{0,3})d$`)

// durationOf returns a duration of at least a second; 0 where it is missing or wrong.
func (r *report) durationOf(n *node, name string) time.Duration {
	v := n.get(name)
	if v == nil {
		return 0
	}
	d, ok := duration(v.scalar)
	if !ok || d < time.Second || d > maxLifetime || d%time.Second != 0 {
		r.add(v.line, `%s must be a duration as in "45s", "1h" or "30d", or a number of seconds; from 1 second to 3650 days`, name)
		return 0
	}
	return d
}

// duration reads "1h30m", "30d" or whole seconds.
func duration(v any) (time.Duration, bool) {
	switch v := v.(type) {
	case string:
		if m := days.FindStringSubmatch(v); m != nil {
			n, err := strconv.Atoi(m[1])
			return time.Duration(n) * 24 * time.Hour, err == nil
		}
		d, err := time.ParseDuration(v)
		return d, err == nil
	case json.Number:
		n, err := strconv.ParseInt(v.String(), 10, 32)
		return time.Duration(n) * time.Second, err == nil
	}
	return 0, false
}

// numberOf returns a number within bounds, or the default where it is missing.
func (r *report) numberOf(n *node, name string, missing, least, most float64, whole bool) float64 {
	v := n.get(name)
	if v == nil {
		return missing
	}
	number, isNumber := v.scalar.(json.Number)
	f, err := number.Float64()
	if !isNumber || err != nil || f < least || f > most || whole && f != float64(int(f)) {
		kind := "number"
		if whole {
			kind = "whole number"
		}
		r.add(v.line, "%s must be a %s from %v to %v", name, kind, least, most)
		return missing
	}
	return f
}
