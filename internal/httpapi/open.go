package httpapi

import (
	"context"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"strongroom"
)

// maxETags bounds how many tags of an If-None-Match are looked at.
const maxETags = 16

func (s *server) openOperation(path string) operation {
	return operation{
		method: http.MethodGet, path: path, id: "open-credential", tag: "Credentials", summary: "Fetch the decrypted data",
		description: "Service accounts only. The body is the decrypted data itself. Every call is on record before it is answered, a 304 too.",
		headers:     []parameter{{name: "If-None-Match", kind: "string", description: "The ETag of what the caller already holds"}},
		status:      http.StatusOK,
		errors: []strongroom.Code{strongroom.CodeInvalidCredentialID, strongroom.CodeServiceAccountRequired, strongroom.CodeForbidden, strongroom.CodeNotFound,
			strongroom.CodeAuditUnavailable, strongroom.CodeKeyUnavailable, strongroom.CodeReauthorization, strongroom.CodeRefreshFailed},
		ahead: s.expectOpening,
		write: s.openCredential,
	}
}

// expectOpening lets the look-up of the caller's key bring the sealed record along.
func (s *server) expectOpening(r *http.Request) context.Context {
	id, err := uuid.Parse(r.PathValue("credential_id"))
	if err != nil || s.ReadAhead == nil {
		return r.Context()
	}
	return s.ReadAhead.Expect(r.Context(), id)
}

// openCredential answers a secrets read. It is the only place that sends a revealed value.
func (s *server) openCredential(w http.ResponseWriter, r *http.Request, c *call) error {
	id, err := c.credentialID()
	if err != nil {
		return err
	}
	opened, err := s.Credentials.Open(r.Context(), c.Caller, id, entityTags(r.Header.Values("If-None-Match")))
	if err != nil {
		return err
	}
	defer opened.Data.Destroy()
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Etag", `"`+opened.ETag+`"`)
	if opened.NotModified {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	h.Set("Content-Type", jsonType)
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(opened.Data.Reveal())
	return nil
}

// entityTags returns the tags of If-None-Match without quotes; weak ones compare as
// strong ones do (RFC 9110, section 13.1.2).
func entityTags(values []string) []string {
	if len(values) == 0 {
		return nil
	}
	var tags []string
	for _, v := range values {
		for tag := range strings.SplitSeq(v, ",") {
			if len(tags) == maxETags {
				return tags
			}
			tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
			if tag == "*" {
				tags = append(tags, tag)
			} else if len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"' {
				tags = append(tags, tag[1:len(tag)-1])
			}
		}
	}
	return tags
}

func (c *call) credentialID() (uuid.UUID, error) {
	return c.pathID("credential_id", strongroom.CodeInvalidCredentialID)
}
