package main

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/ory/fosite"
)

//go:embed pages.html
var pagesHTML string

var pages = template.Must(template.New("pages").Parse(pagesHTML))

// authorize is the authorization endpoint (RFC 6749, section 3.1): a login, then consent.
// Both forms are posted to the very address that the client sent the browser to, so
// that no session has to be kept between them.
func (s *server) authorize(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	request, err := s.provider.NewAuthorizeRequest(ctx, r)
	if err == nil {
		err = requireS256(request)
	}
	if err != nil {
		s.provider.WriteAuthorizeError(ctx, w, request, err)
		return
	}
	username := r.PostForm.Get("username")
	switch decision := r.PostForm.Get("decision"); {
	case username == "":
		writePage(w, "login", request.GetClient().GetID())
	case decision == "allow":
		s.allow(w, r, request, username)
	case decision == "deny":
		s.provider.WriteAuthorizeError(ctx, w, request, fosite.ErrAccessDenied.WithHint("The user has refused."))
	default:
		writePage(w, "consent", map[string]any{
			"Client": request.GetClient().GetID(), "Username": username, "Email": email(username), "Scopes": request.GetRequestedScopes(),
		})
	}
}

// requireS256 refuses before anybody logs in what fosite would refuse after it.
func requireS256(request fosite.AuthorizeRequester) error {
	form := request.GetRequestForm()
	if form.Get("code_challenge") == "" || form.Get("code_challenge_method") != "S256" {
		return fosite.ErrInvalidRequest.WithHint("PKCE is required, with code_challenge_method=S256.")
	}
	return nil
}

// allow grants every scope that was asked for and sends the browser back with a code.
func (s *server) allow(w http.ResponseWriter, r *http.Request, request fosite.AuthorizeRequester, username string) {
	ctx := r.Context()
	for _, scope := range request.GetRequestedScopes() {
		request.GrantScope(scope)
	}
	response, err := s.provider.NewAuthorizeResponse(ctx, request, newSession(username, request.GetRequestedAt()))
	if err != nil {
		s.provider.WriteAuthorizeError(ctx, w, request, err)
		return
	}
	s.provider.WriteAuthorizeResponse(ctx, w, request, response)
}

func writePage(w http.ResponseWriter, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	// An error is the browser's going away.
	_ = pages.ExecuteTemplate(w, name, data)
}
