package rotation_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// method is a way of rotating.
type method string

// The methods.
const (
	password method = "postgresql_password"
	roles    method = "postgresql_two_roles"
	key      method = "sftp_key"
)

var methods = []method{password, roles, key}

// verb is what the far end is told, as a step names it.
func (m method) verb() string {
	if m == key {
		return "add key"
	}
	return "set password"
}

// around returns the two steps around each.
func around(names ...string) (steps []string) {
	for _, n := range names {
		steps = append(steps, "before "+n, "after "+n)
	}
	return steps
}

// first are the steps of a rotation that begins, resumed those of one that another process
// goes on with, and cleaning those after the grace period.
func (m method) first() []string {
	return around("begin", "changing", m.verb(), "sign in", "promoted")
}
func (m method) resumed() []string { return around("lease", "sign in", "promoted") }
func (m method) cleaning() []string {
	if m == key {
		return around("remove key", "done")
	}
	return nil
}

// anyMoment is a kill from outside, by the clock.
const anyMoment = "at any moment"

// blow is one process that works on the rotation and is killed.
type blow struct {
	// at is a step, or anyMoment. A step that is not reached ends in a kill from outside,
	// unless it must be.
	at   string
	must bool
	// read: a reader makes the process work, and not somebody who rotates.
	read bool
}

// round is a rotation under one blow after the other, and then in peace.
type round struct {
	method method
	blows  []blow
}

// String names the round.
func (r round) String() string {
	var parts []string
	for _, b := range r.blows {
		by := "rotating"
		if b.read {
			by = "reading"
		}
		parts = append(parts, fmt.Sprintf("%s, killed %s", by, b.at))
	}
	return string(r.method) + ": " + strings.Join(parts, ", ")
}

// named returns every round that has a name: each step of each method, and each step of a
// process that goes on where another was killed right before or after it told the far end.
func named(random *rand.Rand) (rounds []round) {
	for _, m := range methods {
		for _, at := range slices.Concat(m.first(), m.cleaning()) {
			rounds = append(rounds, round{m, []blow{{at: at, must: true}}})
		}
		for _, at := range m.resumed() {
			rounds = append(rounds, round{m, []blow{{at: "after " + m.verb(), must: true}, {at: at, must: true}}})
		}
		for _, at := range around(m.verb()) {
			rounds = append(rounds, round{m, []blow{{at: "before " + m.verb(), must: true}, {at: at, must: true}}})
		}
	}
	for _, at := range append(around("look", "lease", "promoted"), "before sign in") {
		rounds = append(rounds, round{password, []blow{{at: "after set password", must: true}, {at: at, must: true, read: true}}})
	}
	random.Shuffle(len(rounds), func(i, j int) { rounds[i], rounds[j] = rounds[j], rounds[i] })
	return rounds
}

// drawn is a round of up to four blows by lot.
func drawn(random *rand.Rand) round {
	r := round{method: pick(random, methods)}
	for range 1 + random.IntN(4) {
		b := blow{at: pick(random, append(slices.Concat(r.method.first(), r.method.resumed(), r.method.cleaning()), anyMoment, anyMoment, anyMoment))}
		if len(r.blows) > 0 && r.method == password {
			b.read = random.IntN(3) == 0
		}
		r.blows = append(r.blows, b)
	}
	return r
}

func pick[T any](random *rand.Rand, from []T) T { return from[random.IntN(len(from))] }
