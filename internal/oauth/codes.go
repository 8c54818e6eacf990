package oauth

import (
	"encoding/json"
	"fmt"
	"slices"

	"strongroom"
	"strongroom/internal/catalog"
)

// The members that say that something is wrong: RFC 6749, section 5.2, and the flag that
// Slack has in every answer.
const (
	memberError = "error"
	memberOK    = "ok"
)

// verdict is what an error code stands for.
type verdict struct {
	outcome Outcome
	reason  strongroom.StatusReason
}

var (
	dead          = verdict{Dead, strongroom.ReasonInvalidGrant}
	transient     = verdict{Transient, strongroom.ReasonProviderError}
	misconfigured = verdict{Misconfigured, strongroom.ReasonClientRejected}
)

// standardCodes are those of RFC 6749 (sections 4.1.2.1 and 5.2) and RFC 8628 (section
// 3.5) that a token endpoint may answer with.
var standardCodes = map[string]verdict{
	"invalid_grant":           dead,
	"invalid_request":         misconfigured,
	"invalid_client":          misconfigured,
	"unauthorized_client":     misconfigured,
	"unsupported_grant_type":  misconfigured,
	"invalid_scope":           misconfigured,
	"temporarily_unavailable": transient,
	"server_error":            transient,
	"slow_down":               transient,
}

// judge returns what the code means to this provider; the definition's lists come before
// the standard's.
func judge(def catalog.OAuth, code string) (v verdict, known bool) {
	if code == "" {
		return verdict{}, false
	}
	for _, list := range []struct {
		codes   []string
		verdict verdict
	}{
		{def.Errors.Dead, dead}, {def.Errors.Transient, transient}, {def.Errors.Misconfigured, misconfigured},
	} {
		if slices.Contains(list.codes, code) {
			return list.verdict, true
		}
	}
	v, known = standardCodes[code]
	return v, known
}

// refusal returns the error that the answer states, if it states one: the first code that
// is known, of the definition's member and the standard's. A code that is not known never
// makes a grant dead: the provider has to say so.
func refusal(def catalog.OAuth, o object, status int) (Answer, bool) {
	stated := string(o[memberOK]) == "false"
	for _, path := range []string{def.Errors.Member, memberError} {
		code, states := errorCode(o, path)
		if v, known := judge(def, code); known {
			// The code is one of a list of ours or the definition's, so that it quotes nothing.
			return answer(v, "the token endpoint stated %s (status %d)", code, status), true
		}
		stated = stated || states
	}
	if !stated {
		return Answer{}, false
	}
	return answer(misconfigured, "the token endpoint stated an error that is not known here (status %d)", status), true
}

// errorCode returns the code at the path as text, and whether anything there states an
// error: providers send null, "", 0 and false to say that there is none. The code is empty
// where the statement is no string or number.
func errorCode(o object, path string) (code string, stated bool) {
	if path == "" {
		return "", false
	}
	raw := o.at(path)
	switch string(raw) {
	case "", "null", `""`, "false", "0":
		return "", false
	}
	if s := stringOf(raw); s != "" {
		return s, true
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		return n.String(), true
	}
	return "", true
}

func answer(v verdict, format string, args ...any) Answer {
	return Answer{Outcome: v.outcome, Reason: v.reason, Cause: fmt.Errorf(format, args...)}
}
