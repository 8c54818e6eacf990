package web

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxDetail bounds a detail, in bytes.
const maxDetail = 255

// learn keeps what a server told of an account or a site. It leaves out what is empty, and
// what holds a secret that was sent: details are for people who may not read secrets.
func (t *test) learn(name, value string) {
	value = strings.Map(func(r rune) rune {
		// Marks that turn the direction of writing around are among these.
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(value, ""))
	for _, s := range t.sent {
		if strings.Contains(value, string(s.Reveal())) {
			return
		}
	}
	if value = strings.TrimSpace(cut(value, maxDetail)); value != "" {
		t.details[name] = value
	}
}

// cut returns at most so many bytes of valid UTF-8, without half a character.
func cut(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
