package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
)

// answer is a response that was made and not yet sent; it implements http.ResponseWriter.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func newAnswer() *answer { return &answer{status: http.StatusOK, header: http.Header{}} }

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements http.ResponseWriter.
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// send sends it whole. An error is the client's going away.
func (a *answer) send(w http.ResponseWriter) {
	a.head(w)
	_, _ = w.Write(a.body.Bytes())
}

// cut sends the head and the first half of the body, and breaks the connection.
func (a *answer) cut(w http.ResponseWriter) {
	a.head(w)
	_, _ = w.Write(a.body.Bytes()[:a.body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	hangUp()
}

func (a *answer) head(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(a.body.Len()))
	w.WriteHeader(a.status)
}

// rewrite changes the members of a JSON object; anything else stays as it is.
func (a *answer) rewrite(set map[string]any, remove []string) {
	var members map[string]any
	decoder := json.NewDecoder(bytes.NewReader(a.body.Bytes()))
	// Numbers keep their form.
	decoder.UseNumber()
	if decoder.Decode(&members) != nil {
		return
	}
	maps.Copy(members, set)
	for _, name := range remove {
		delete(members, name)
	}
	changed, err := json.Marshal(members)
	if err != nil {
		return
	}
	a.body.Reset()
	a.body.Write(changed)
}

// hangUp breaks the connection of the request that is being answered.
func hangUp() { panic(http.ErrAbortHandler) }

// writeJSON answers with a JSON document.
func writeJSON(w http.ResponseWriter, status int, v any) {
	encoded, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}
