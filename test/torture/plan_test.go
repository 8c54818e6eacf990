package torture_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"

	"strongroom/internal/oauth/oauthtest"
)

// The steps at which a process is killed from outside.
const (
	// requestOut is while the provider holds the request, which it then never processes.
	requestOut step = "while the request is out"
	// requestLate is requestOut, but the provider processes it when the process is dead.
	requestLate step = "while the request is out, to be granted later"
	// answerOut is while the provider holds the answer of a request that it has granted.
	answerOut step = "while the answer is out"
	// anyMoment is by the clock.
	anyMoment step = "at any moment"
)

// fromOutside are the steps that the process itself cannot see.
var fromOutside = []step{requestOut, requestLate, answerOut, anyMoment}

// beforeSending are the steps at which no request has left.
var beforeSending = []step{leaseBegins, leaseWritten, leaseKept, sending}

// trigger is what makes a process renew.
type trigger string

// The triggers.
const (
	byRead    trigger = "read"
	byRefresh trigger = "refresh"
	byAhead   trigger = "ahead"
)

var triggers = []trigger{byRead, byRefresh, byAhead}

// blow is one renewal that ends by a kill.
type blow struct {
	at step
	// provider is how the provider treats the request.
	provider oauthtest.Behaviour
	trigger  trigger
}

// The ways in which a provider, or the network before it, treats one request.
var (
	well       = oauthtest.Behaviour{Mode: oauthtest.Normal}
	dropBefore = oauthtest.Behaviour{Mode: oauthtest.DropBefore}
	dropAfter  = oauthtest.Behaviour{Mode: oauthtest.DropAfter}
	cut        = oauthtest.Behaviour{Mode: oauthtest.Cut}
	garbled    = oauthtest.Behaviour{Mode: oauthtest.AnswerGarbled}
	webPage    = oauthtest.Behaviour{Mode: oauthtest.AnswerHTML}
	failure    = oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: http.StatusInternalServerError, Body: `{"error":"server_error"}`}
	badGateway = oauthtest.Behaviour{Mode: oauthtest.AnswerStatus, Status: http.StatusBadGateway, ContentType: "text/html", Body: "<h1>Bad gateway</h1>"}
	tooMany    = oauthtest.Behaviour{
		Mode: oauthtest.AnswerStatus, Status: http.StatusTooManyRequests, Headers: map[string]string{"Retry-After": "1"}, Body: `{"error":"slow_down"}`,
	}
	hold       = oauthtest.Behaviour{Mode: oauthtest.Hold}
	holdAnswer = oauthtest.Behaviour{Mode: oauthtest.HoldAnswer}
)

// treatments are those that come to an end by themselves.
var treatments = []oauthtest.Behaviour{well, dropBefore, dropAfter, cut, garbled, webPage, failure, badGateway, tooMany}

// grants tells whether a provider that treats a request so does what it asks for.
func grants(b oauthtest.Behaviour) bool {
	return slices.Contains([]oauthtest.Mode{oauthtest.Normal, oauthtest.DropAfter, oauthtest.Cut, oauthtest.AnswerGarbled, oauthtest.HoldAnswer}, b.Mode)
}

// round is a credential that is renewed under one blow after the other, and then in peace.
type round struct {
	// rotates: the provider replaces refresh tokens.
	rotates bool
	blows   []blow
	// then is what makes the healthy process go on.
	then trigger
}

// String names the round.
func (r round) String() string {
	kind := "keeping"
	if r.rotates {
		kind = "rotating"
	}
	var parts []string
	for _, b := range r.blows {
		mode := string(b.provider.Mode)
		if b.provider.Status != 0 {
			mode = fmt.Sprint(b.provider.Status)
		}
		parts = append(parts, fmt.Sprintf("%s, killed %s (%s)", b.trigger, b.at, mode))
	}
	return fmt.Sprintf("%s, %s, then %s", kind, strings.Join(parts, ", "), r.then)
}

// foreseen is what must have come of a round.
type foreseen struct {
	// exchanges are those that the provider has granted in the end; stored those whose
	// token the service has.
	exchanges, stored int
	// requests are the most that may have reached the provider.
	requests int
}

// foresee follows a round as the promise has it. A round with a kill at any moment cannot
// be foreseen.
func (r round) foresee() (f foreseen, known bool) {
	lost, over := false, false
	for _, b := range r.blows {
		if b.at == anyMoment {
			return foreseen{requests: len(r.blows) + 1}, false
		}
		if slices.Contains(beforeSending, b.at) {
			continue
		}
		f.requests++
		granted := !lost && (grants(b.provider) || b.at == requestLate)
		if granted {
			f.exchanges++
		}
		kept := b.at == endKept && b.provider.Mode == oauthtest.Normal
		if kept && granted {
			f.stored++
		}
		over = over || kept
		lost = lost || granted && !kept && r.rotates
	}
	if over {
		return f, true
	}
	f.requests++
	if !lost {
		f.exchanges++
		f.stored++
	}
	return f, true
}

// named returns every round that has a name: each step under each treatment that makes a
// difference, for both kinds of providers.
func named(random *rand.Rand) (rounds []round) {
	for _, rotates := range []bool{true, false} {
		for _, at := range append(slices.Clone(beforeSending), endBegins, endWritten) {
			rounds = append(rounds, one(random, rotates, at, well))
		}
		for _, at := range []step{answered, endKept} {
			for _, b := range treatments {
				if rotates || at == endKept || grants(b) {
					rounds = append(rounds, one(random, rotates, at, b))
				}
			}
		}
		rounds = append(rounds, one(random, rotates, requestOut, hold), one(random, rotates, requestLate, hold), one(random, rotates, answerOut, holdAnswer))
	}
	random.Shuffle(len(rounds), func(i, j int) { rounds[i], rounds[j] = rounds[j], rounds[i] })
	return rounds
}

// one is a round of one blow.
func one(random *rand.Rand, rotates bool, at step, provider oauthtest.Behaviour) round {
	return round{rotates, []blow{{at, provider, pick(random, triggers)}}, pick(random, triggers)}.sane()
}

// drawn is a round of up to three blows by lot.
func drawn(random *rand.Rand) round {
	r := round{rotates: random.IntN(4) > 0, then: pick(random, triggers)}
	for range 1 + random.IntN(3) {
		b := blow{provider: pick(random, treatments), trigger: byRefresh}
		b.at = pick(random, append(slices.Clone(beforeSending), answered, endBegins, endWritten, endKept, requestOut, requestLate, answerOut, anyMoment, anyMoment))
		switch b.at {
		case requestOut, requestLate:
			b.provider = hold
		case answerOut:
			b.provider = holdAnswer
		}
		if len(r.blows) == 0 {
			b.trigger = pick(random, triggers)
		}
		r.blows = append(r.blows, b)
		if b.at == endKept && b.provider.Mode == oauthtest.Normal || b.at == anyMoment {
			// It may be settled now, and there may be nothing to kill any more.
			break
		}
	}
	return r.sane()
}

// sane takes back what would only wait: who was claimed ahead of need, or has failed, is
// not due for some time unless somebody asks.
func (r round) sane() round {
	for _, b := range r.blows {
		if r.then == byAhead && (b.trigger == byAhead || b.at == endKept || b.at == anyMoment) {
			r.then = byRead
		}
	}
	return r
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
