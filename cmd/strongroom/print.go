package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"strongroom"
)

// pageSize is how many rows are asked for at once.
const pageSize = 1000

// whole asks for page after page until there is no more.
func whole[T any](ask func(strongroom.Page) ([]T, error)) ([]T, error) {
	var all []T
	for {
		page, err := ask(strongroom.Page{Limit: pageSize, Offset: len(all)})
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
		if len(page) < pageSize {
			return all, nil
		}
	}
}

// printJSON writes the value on a line.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// printList writes the items as JSON lines or as a table.
func printList[T, J any](w io.Writer, asJSON bool, items []T, wire func(T) J, header []string, row func(T) []string) error {
	if !asJSON {
		return printTable(w, header, items, row)
	}
	for _, item := range items {
		if err := printJSON(w, wire(item)); err != nil {
			return err
		}
	}
	return nil
}

// printTable writes the items below a header.
func printTable[T any](w io.Writer, header []string, items []T, row func(T) []string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(t, strings.Join(header, "\t"))
	for _, item := range items {
		cells := row(item)
		for i := range cells {
			cells[i] = printable(cells[i])
		}
		_, _ = fmt.Fprintln(t, strings.Join(cells, "\t"))
	}
	// The first error of any of the writes is Flush's too.
	return t.Flush()
}

// printable returns the text without what could command a terminal: names are other
// people's input.
func printable(s string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		if unicode.IsSpace(r) {
			return ' '
		}
		return '�'
	}, s))
}
