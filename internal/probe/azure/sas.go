package azure

import (
	"net/url"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/probe/failure"
)

var (
	errSignature = &failure.Error{Code: strongroom.CheckAuth, Message: "The shared access signature cannot be read; copy the whole of it, with sig= and what comes before"}
	errScope     = &failure.Error{Code: strongroom.CheckProtocol, Message: "The shared access signature is for one container, and none is named; add the container"}
	errBlob      = &failure.Error{Code: strongroom.CheckProtocol, Message: "The shared access signature is for one blob, and none is named; store the whole SAS URL as sas_url"}
	errReceive   = &failure.Error{Code: strongroom.CheckPermission, Message: "The shared access signature may not both list and read the container's blobs, which receiving needs; make one with the permissions Read and List"}
	errService   = &failure.Error{Code: strongroom.CheckPermission, Message: notForBlobs}
)

// questions are the parameters that a URL copied from somewhere may have beside the
// signature's own.
var questions = []string{"comp", "restype", "prefix", "delimiter", "marker", "maxresults", "include", "timeout"}

// signature is a shared access signature: of an account, of a container, or of a blob
// (https://learn.microsoft.com/en-us/rest/api/storageservices/delegate-access-with-shared-access-signature).
type signature struct {
	values url.Values
	// starts and expires are zero where a stored policy says them, or nothing does.
	starts, expires time.Time
}

// readSignature reads a signature's parameters, with or without the question mark before them.
func readSignature(s string) (*signature, error) {
	values, err := url.ParseQuery(strings.TrimPrefix(s, "?"))
	if err != nil || values.Get("sig") == "" {
		return nil, errSignature
	}
	for _, name := range questions {
		values.Del(name)
	}
	return &signature{values, readTime(values.Get("st")), readTime(values.Get("se"))}, nil
}

// readTime reads the forms of ISO 8601 that Azure takes; zero for any other.
func readTime(s string) time.Time {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// ofAccount tells whether it is an account's; others are bound to a container or a blob.
func (s *signature) ofAccount() bool { return s.values.Get("srt") != "" }

// ofBlob tells whether it opens one blob alone.
func (s *signature) ofBlob() bool { return s.values.Get("sr") == "b" }

// allows tells whether it may have a permission. What a stored policy allows is not known.
func (s *signature) allows(permission string) bool {
	stated := s.values.Get("sp")
	return stated == "" || strings.Contains(stated, permission)
}

// reaches tells whether an account's signature is good for a kind of resource.
func (s *signature) reaches(resource string) bool {
	return !s.ofAccount() || strings.Contains(s.values.Get("srt"), resource)
}

func (s *signature) mayList() bool { return s.allows("l") && s.reaches("c") && !s.ofBlob() }

func (s *signature) mayRead() bool { return s.allows("r") && s.reaches("o") }

// check finds what the signature says itself that it cannot do.
func (s *signature) check(t *target) error {
	switch {
	case s.ofAccount() && s.values.Get("ss") != "" && !strings.Contains(s.values.Get("ss"), "b"):
		return errService
	case t.container == "" && !s.ofAccount():
		return errScope
	case t.receive && (!s.mayList() || !s.mayRead()):
		return errReceive
	case s.ofBlob() && t.blob == "":
		return errBlob
	}
	return nil
}
