package far

import (
	"strongroom"
	"strongroom/internal/probe"
)

// Far takes steps at the far end. It is safe for concurrent use.
type Far struct {
	Prober *probe.Prober
}

// unfit is the result where a credential's data is not of the kind that a step is for.
func unfit(err error) strongroom.CheckResult {
	return strongroom.CheckResult{Code: strongroom.CheckProtocol, Message: sentence(err.Error())}
}

// sentence begins an error's text as a sentence does.
func sentence(s string) string {
	if s != "" && 'a' <= s[0] && s[0] <= 'z' {
		return string(s[0]-'a'+'A') + s[1:]
	}
	return s
}

// concluded is the result of a step: that of the connection, with the step's own words
// where it went well. err is what is left unexplained.
func concluded(r strongroom.CheckResult, err error, done string) strongroom.CheckResult {
	switch {
	case !r.Success:
	case err != nil:
		r.Success, r.Code = false, strongroom.CheckProtocol
		r.Message = "The server did not keep to the protocol; check that it is the right one, and try again"
	default:
		r.Message = done
	}
	return r
}
