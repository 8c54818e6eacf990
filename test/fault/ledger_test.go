package fault_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"

	"strongroom/api"
	"strongroom/internal/app/apptest"
)

// held is what the ledger knows of one credential.
type held struct {
	id, name, data string
	version        int64
	deleted        bool
}

// ledger is one user's book of what was acknowledged. It is for one goroutine.
type ledger struct {
	tenant
	label  string
	random *rand.Rand
	// all are in order of their creation; touched those of the last round.
	all     []*held
	touched map[*held]bool
	made    int
	// pending is what was asked for and not answered; nil: nothing is.
	pending *held
	// answered are the reads that were.
	answered []apptest.Answer
	// wrong is the first answer that should not have been given; nil: none.
	wrong error
}

// work does this and that until no whole answer comes. acknowledged is called after
// every one that does.
func (l *ledger) work(acknowledged func()) {
	l.touched = map[*held]bool{}
	for l.wrong == nil && l.step() {
		acknowledged()
	}
}

// step makes one random call; false: it was not answered.
func (l *ledger) step() bool {
	h := l.any()
	switch choice := l.random.IntN(10); {
	case h == nil || choice < 3:
		return l.create()
	case choice < 6:
		return l.update(h)
	case choice < 7:
		return l.remove(h)
	default:
		return l.look(h)
	}
}

// any returns one of the live credentials, a young one rather than an old one.
func (l *ledger) any() *held {
	for range 8 {
		if n := len(l.all); n > 0 {
			if h := l.all[n-1-l.random.IntN(min(n, 12))]; !h.deleted {
				return h
			}
		}
	}
	return nil
}

// fresh returns data that was never used before.
func (l *ledger) fresh() string {
	l.made++
	return secretData(fmt.Sprint(l.label, "-", l.made))
}

// expect notes an answer with a wrong status, and tells whether it is the right one.
func (l *ledger) expect(a apptest.Answer, status int, what string) bool {
	if a.Status != status && l.wrong == nil {
		l.wrong = fmt.Errorf("%s was answered %d: %s", what, a.Status, a.Body)
	}
	return a.Status == status
}

func (l *ledger) create() bool {
	wanted := &held{data: l.fresh(), version: 1}
	wanted.name = fmt.Sprint(l.label, "-", l.made)
	l.pending = wanted
	a, err := l.tenant.create(wanted.name, wanted.data)
	if err != nil {
		return false
	}
	if l.expect(a, http.StatusCreated, "create") {
		wanted.id = createdID(l.t(), a)
		l.all = append(l.all, wanted)
		l.touched[wanted] = true
	}
	l.pending = nil
	return true
}

func (l *ledger) update(h *held) bool {
	wanted := *h
	wanted.data, wanted.version = l.fresh(), h.version+1
	return l.change(h, &wanted, http.StatusOK, func() (apptest.Answer, error) { return l.tenant.update(h.id, wanted.data) })
}

func (l *ledger) remove(h *held) bool {
	wanted := *h
	wanted.deleted = true
	return l.change(h, &wanted, http.StatusNoContent, func() (apptest.Answer, error) { return l.tenant.remove(h.id) })
}

// change asks for the wanted state; what is held becomes it when that is acknowledged.
func (l *ledger) change(h, wanted *held, status int, call func() (apptest.Answer, error)) bool {
	l.touched[h] = true
	l.pending = wanted
	a, err := call()
	if err != nil {
		return false
	}
	if l.expect(a, status, "change") {
		*h = *wanted
	}
	l.pending = nil
	return true
}

func (l *ledger) look(h *held) bool {
	a, err := l.tenant.read(h.id)
	if err != nil && a.Status == http.StatusOK {
		// A part of it arrived: that has to be on record as well.
		l.answered = append(l.answered, a)
	}
	if err != nil {
		return false
	}
	if l.expect(a, http.StatusOK, "read") && string(a.Body) != h.data {
		l.wrong = fmt.Errorf("credential %s gave something else than was acknowledged", h.id)
	}
	l.answered = append(l.answered, a)
	return true
}

func (l *ledger) t() *testing.T { return l.client.T.(*testing.T) }

// settle finds out after a crash what became of the call that was not answered, and
// holds the rest of the service to what was acknowledged: it has exactly those
// credentials, at those versions.
func (l *ledger) settle(t *testing.T) {
	t.Helper()
	if l.wrong != nil {
		t.Fatal(l.wrong)
	}
	found := map[string]api.Credential{}
	for _, c := range l.list(t) {
		found[c.ID] = c
	}
	if p := l.pending; p != nil {
		l.settlePending(p, found)
		l.pending = nil
	}
	for _, h := range l.all {
		c, there := found[h.id]
		delete(found, h.id)
		if there == h.deleted || there && (c.Version != h.version || c.Name != h.name) {
			t.Errorf("credential %s: deleted %v, version %d was acknowledged; found %v, version %d", h.id, h.deleted, h.version, there, c.Version)
		}
	}
	for id, c := range found {
		t.Errorf("credential %s (%s) is there and was never asked for", id, c.Name)
	}
}

// settlePending takes the one unanswered call for done where it was.
func (l *ledger) settlePending(p *held, found map[string]api.Credential) {
	if p.id == "" {
		for _, c := range found {
			if c.Name == p.name {
				p.id = c.ID
				l.all = append(l.all, p)
				l.touched[p] = true
			}
		}
		return
	}
	c, there := found[p.id]
	for _, h := range l.all {
		if h.id == p.id && (p.deleted && !there || !p.deleted && there && c.Version == p.version) {
			*h = *p
		}
	}
}

func (l *ledger) list(t *testing.T) (all []api.Credential) {
	t.Helper()
	const most = 1000
	for {
		var page []api.Credential
		l.client.Do(apptest.Request{Method: http.MethodGet, Path: fmt.Sprintf("%s?limit=%d&offset=%d", credentials, most, len(all)), Token: l.user}).
			Want(t, http.StatusOK).Into(t, &page)
		all = append(all, page...)
		if len(page) < most {
			return all
		}
	}
}

// open reads what is held and holds it to its data.
func (l *ledger) open(t *testing.T, h *held) {
	t.Helper()
	if h.deleted {
		must(t)(l.read(h.id)).WantError(t, http.StatusNotFound, "not_found")
		return
	}
	l.answered = append(l.answered, l.wantData(t, h.id, h.data))
}
