package oauth

import (
	"bytes"
	"errors"
	"mime"
	"strconv"
	"strings"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
)

// The statuses that have a meaning of their own.
const (
	statusRequestTimeout  = 408
	statusTooManyRequests = 429
)

var (
	malformed   = verdict{Transient, strongroom.ReasonMalformedAnswer}
	rateLimited = verdict{Transient, strongroom.ReasonRateLimited}
	answerLost  = verdict{Uncertain, strongroom.ReasonAnswerLost}
)

// Classify says what a token endpoint's response means. now is for a Retry-After that is
// a date. The response's body is not kept: the caller may overwrite it.
func Classify(def catalog.OAuth, r Response, now time.Time) Answer {
	a := classify(def, r)
	if a.Outcome == Transient || a.Outcome == Misconfigured {
		a.RetryAfter = retryAfter(r.RetryAfter, now)
	}
	return a
}

// ClassifyFailure says what it means that there is no response: sent tells whether the
// request may have reached the provider, err is what happened (of a class that is known: it
// becomes the Cause as it is), and reason what is said where nothing can have been lost.
func ClassifyFailure(def catalog.OAuth, sent bool, err error, reason strongroom.StatusReason) Answer {
	if sent && def.Refresh.Rotates {
		return Answer{Outcome: Uncertain, Reason: strongroom.ReasonAnswerLost, Cause: err}
	}
	return Answer{Outcome: Transient, Reason: reason, Cause: err}
}

func classify(def catalog.OAuth, r Response) Answer {
	switch {
	case r.Status == statusTooManyRequests:
		return answer(rateLimited, "the token endpoint is asked too often (status %d)", r.Status)
	case r.Status == statusRequestTimeout, r.Status >= 500:
		return answer(transient, "the token endpoint failed (status %d)", r.Status)
	case r.Status < 200:
		return answer(malformed, "the token endpoint answered with status %d", r.Status)
	case r.Status < 300:
		return classifySuccess(def, r)
	case r.Status < 400:
		return answer(misconfigured, "the token endpoint redirects elsewhere (status %d), which is not followed", r.Status)
	}
	o, err := decode(r)
	if err == nil {
		if a, stated := refusal(def, o, r.Status); stated {
			return a
		}
	} else if r.Truncated {
		// What was cut off may have been any code.
		return answer(malformed, "the token endpoint's refusal was cut off (status %d)", r.Status)
	}
	return answer(misconfigured, "the token endpoint refused without a code that is known (status %d)", r.Status)
}

// classifySuccess reads a response with a status that promises a token.
func classifySuccess(def catalog.OAuth, r Response) Answer {
	o, err := decode(r)
	if err != nil {
		if isHTML(r) {
			return answer(malformed, "the token endpoint answered with a web page (status %d)", r.Status)
		}
		return lost(def, "the token endpoint's answer is %w (status %d)", err, r.Status)
	}
	if a, stated := refusal(def, o, r.Status); stated {
		return a
	}
	t, err := readToken(def, o)
	if err != nil {
		return lost(def, "the token endpoint's answer %w (status %d)", err, r.Status)
	}
	return Answer{Outcome: Renewed, Token: t}
}

// lost is the answer to a response that has no token though it says that there is one. A
// provider that replaces refresh tokens may have done so.
func lost(def catalog.OAuth, format string, args ...any) Answer {
	if def.Refresh.Rotates {
		return answer(answerLost, format, args...)
	}
	return answer(malformed, format, args...)
}

var byteOrderMark = []byte("\xef\xbb\xbf")

// decode reads a body as what it is: a JSON object whatever its type is called, since
// providers mislabel them; or a form that is called one (as GitHub answers where JSON is
// not asked for). An object that was cut off is none; a form would still look like one.
func decode(r Response) (object, error) {
	body := bytes.TrimPrefix(r.Body, byteOrderMark)
	o, err := parseObject(body, MaxAnswer)
	if errors.Is(err, errNotObject) && !r.Truncated && mediaType(r) == "application/x-www-form-urlencoded" {
		return parseForm(body)
	}
	return o, err
}

func isHTML(r Response) bool {
	start := bytes.TrimLeft(bytes.TrimPrefix(r.Body, byteOrderMark), " \t\r\n")
	t := mediaType(r)
	return t == "text/html" || t == "application/xhtml+xml" || bytes.HasPrefix(start, []byte("<"))
}

// mediaType returns the type alone, in lower case; "" where it cannot be read.
func mediaType(r Response) string {
	t, _, _ := mime.ParseMediaType(r.ContentType) // with the error that only a parameter is wrong, t is good
	return t
}

// dateFormats are HTTP's (RFC 9110, section 5.6.7).
var dateFormats = []string{"Mon, 02 Jan 2006 15:04:05 GMT", "Monday, 02-Jan-06 15:04:05 GMT", time.ANSIC}

// retryAfter reads a Retry-After header (RFC 9110, section 10.2.3): seconds or a date. It is
// within [0, maxRetryAfter]; 0 for one that cannot be read.
func retryAfter(header string, now time.Time) time.Duration {
	header = strings.TrimSpace(header)
	if seconds, err := strconv.ParseUint(header, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	for _, format := range dateFormats {
		if t, err := time.Parse(format, header); err == nil {
			return max(0, min(t.Sub(now), maxRetryAfter))
		}
	}
	return 0
}
