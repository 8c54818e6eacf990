package canary_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"strongroom/internal/oauth/oauthtest"
)

// tap lies on the wire between the service and the OAuth server. It has every secret that
// passes looked for, and can spoil an answer in a way that repeats them.
type tap struct {
	url      string
	server   *oauthtest.Server
	secrets  *scanner
	upstream *http.Transport

	mu sync.Mutex
	// spoils are the answers to be spoilt, by what stands in their requests.
	spoils map[string]*spoil
	// kinds counts what was seen, and recent is the newest of each kind.
	kinds  map[string]int
	recent map[string]string
	known  map[string]bool
}

// spoil is one answer that is to be spoilt.
type spoil struct {
	fault fault
	// done is closed when its request has come.
	done chan struct{}
}

func startTap(t *testing.T, server *oauthtest.Server, secrets *scanner) *tap {
	t.Helper()
	p := &tap{
		server: server, secrets: secrets, upstream: &http.Transport{},
		spoils: map[string]*spoil{}, kinds: map[string]int{}, recent: map[string]string{}, known: map[string]bool{},
	}
	s := httptest.NewServer(p)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
		p.upstream.CloseIdleConnections()
	})
	p.url = s.URL
	return p
}

// definition is a provider whose every address is the tap's, though its issuer is the
// server that signs its ID tokens.
func (p *tap) definition(provider string, o oauthtest.DefinitionOptions) []byte {
	if !o.WithoutDiscovery {
		o.Lines = append(o.Lines, "  issuer: "+p.server.URL)
	}
	text := p.server.Definition(provider, o)
	text = strings.ReplaceAll(text, p.server.URL+"/", p.url+"/")
	return []byte(strings.ReplaceAll(text, "discovery: "+p.server.URL, "discovery: "+p.url))
}

// spoil has the next request spoilt that has the text in it: a token, a code, a client's
// secret, or its path.
func (p *tap) spoil(text string, f fault) *spoil {
	s := &spoil{f, make(chan struct{})}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.spoils[text] = s
	return s
}

// want fails the test unless an answer was spoilt.
func (s *spoil) want(t *testing.T) {
	t.Helper()
	select {
	case <-s.done:
	default:
		t.Fatal("the provider was not asked, so nothing is tested")
	}
}

// ServeHTTP implements http.Handler.
func (p *tap) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	form, _ := url.ParseQuery(string(body))
	x := &wire{tap: p, w: w, r: r, form: form}
	bearer := p.sawRequest(r, form)
	x.echo = strings.TrimSpace(string(body) + " " + r.Header.Get("Authorization") + " " + p.newest())
	s := p.take(r, form, bearer)
	if s == nil {
		x.process().send(w)
		return
	}
	close(s.done)
	s.fault.answer(x)
}

// take returns what is to be done to the request's answer; nil: nothing.
func (p *tap) take(r *http.Request, form url.Values, bearer string) *spoil {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, text := range []string{form.Get("refresh_token"), form.Get("code"), form.Get("token"), form.Get("client_secret"), bearer, r.URL.Path} {
		if s, ok := p.spoils[text]; ok {
			delete(p.spoils, text)
			return s
		}
	}
	return nil
}

// saw has a secret looked for.
func (p *tap) saw(kind, value string) {
	if value == "" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[value] {
		return
	}
	p.known[value] = true
	p.kinds[kind]++
	p.recent[kind] = value
	p.secrets.addPieces(kind, value)
}

// newest are the newest secrets of each kind, for answers that repeat what they should not.
func (p *tap) newest() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for kind, value := range p.recent {
		all = append(all, kind+"="+value)
	}
	return strings.Join(all, " ")
}

// sawRequest looks at what the service sends, and returns its bearer token.
func (p *tap) sawRequest(r *http.Request, form url.Values) (bearer string) {
	for name, kind := range map[string]string{"client_secret": "client secret", "refresh_token": "refresh token", "code": "code", "code_verifier": "verifier", "token": "refresh token"} {
		p.saw(kind, form.Get(name))
	}
	if _, password, ok := r.BasicAuth(); ok {
		p.saw("client secret", password)
		p.saw("Authorization header", strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	}
	bearer, _ = strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p.saw("access token", bearer)
	return bearer
}

// sawReply looks at what the server answers.
func (p *tap) sawReply(a reply) {
	var members map[string]any
	_ = json.Unmarshal(a.body, &members)
	for name, kind := range map[string]string{"access_token": "access token", "refresh_token": "refresh token", "id_token": "ID token"} {
		text, _ := members[name].(string)
		p.saw(kind, text)
	}
	if location, err := url.Parse(a.header.Get("Location")); err == nil {
		p.saw("code", location.Query().Get("code"))
	}
}

// wire is one request on its way.
type wire struct {
	tap  *tap
	w    http.ResponseWriter
	r    *http.Request
	form url.Values
	// echo is every secret of the request, as it was sent, and the newest ones of others.
	echo string
}

// reply is an answer, read whole.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// process has the OAuth server do what is asked for. It knows one client secret alone; the
// service has several, which are all good.
func (x *wire) process() reply {
	form := maps.Clone(x.form)
	if form.Has("client_secret") {
		form.Set("client_secret", oauthtest.ClientSecret)
	}
	out, err := http.NewRequestWithContext(x.r.Context(), x.r.Method, x.tap.server.URL+x.r.URL.RequestURI(), strings.NewReader(form.Encode()))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	out.Header = x.r.Header.Clone()
	if id, _, ok := x.r.BasicAuth(); ok {
		out.SetBasicAuth(id, url.QueryEscape(oauthtest.ClientSecret))
	}
	in, err := x.tap.upstream.RoundTrip(out)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer in.Body.Close()
	body, err := io.ReadAll(in.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	in.Header.Del("Content-Length")
	if strings.HasPrefix(x.r.URL.Path, "/.well-known/") {
		body = bytes.ReplaceAll(body, []byte(x.tap.server.URL+"/"), []byte(x.tap.url+"/"))
	}
	a := reply{in.StatusCode, in.Header, body}
	x.tap.sawReply(a)
	return a
}

func (a reply) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body)
}

// answer sends an answer of the tap's own.
func (x *wire) answer(status int, contentType, body string) {
	reply{status, http.Header{"Content-Type": {contentType}}, []byte(body)}.send(x.w)
}

// json sends an object.
func (x *wire) json(status int, members map[string]any) {
	x.answer(status, "application/json", string(mustJSON(members)))
}

// raw sends bytes that no server would, and breaks the connection.
func (x *wire) raw(text string) {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

// rewrite changes a text of the JSON object.
func (a reply) rewrite(member string, change func(string) string) reply {
	var members map[string]any
	if json.Unmarshal(a.body, &members) != nil {
		return a
	}
	text, _ := members[member].(string)
	members[member] = change(text)
	a.body = mustJSON(members)
	return a
}
