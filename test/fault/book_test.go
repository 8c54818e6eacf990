package fault_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/api"
	"strongroom/internal/app/apptest"
)

const accounts = "/api/service-accounts"

// entry is a credential in a book. In doubt, a change was asked for and nobody said whether
// it was kept: wanted is what it would have made.
type entry struct {
	held
	wanted *held
}

// pass is an API key, whose deletion may be in doubt.
type pass struct {
	id, token      string
	deleted, doubt bool
}

// book is what one organization was told, by whichever replica it asked: every call goes to
// one by lot, and after each change the next asks another whether it is so there too. It is
// for one goroutine.
type book struct {
	fleet  *fleet
	random *rand.Rand
	label  string

	user, admin string
	// key is of an account that stays as it is; account is switched off and on, and has keys
	// that come and go.
	key, account string
	inactive     bool
	// unsure says that a switch is in doubt.
	unsure  bool
	passes  []*pass
	entries []*entry
	// unnamed are those whose creation is in doubt.
	unnamed []*entry
	touched map[*entry]bool
	made    int

	answered []apptest.Answer
	// checks are how often a replica was asked for what another had acknowledged; doubts how
	// many changes were.
	checks, doubts int
	wrong          error
}

func newBook(t *testing.T, f *fleet, label string, random *rand.Rand) *book {
	t.Helper()
	c, organization := f.any(random), uuid.New()
	b := &book{
		fleet: f, random: random, label: label, touched: map[*entry]bool{}, key: c.APIKey(organization, "steady"),
		user: c.UserToken(organization, uuid.New(), strongroom.RoleAppUser), admin: c.UserToken(organization, uuid.New(), strongroom.RoleOrgAdmin),
	}
	var made api.ServiceAccount
	c.Do(apptest.Request{Method: http.MethodPost, Path: accounts, Token: b.admin, Body: api.CreateServiceAccount{Name: "switched"}}).
		Want(t, http.StatusCreated).Into(t, &made)
	b.account = made.ID
	return b
}

// refusedPause is how long a caller waits who was refused: it is the killed that tests are
// about, and not how fast the living say no.
const refusedPause = 10 * time.Millisecond

// work does this and that until it is told to stop. acknowledged is called after every call
// that was answered as it should be.
func (b *book) work(stop <-chan struct{}, acknowledged func()) {
	for b.wrong == nil {
		select {
		case <-stop:
			return
		default:
		}
		if b.step() {
			acknowledged()
			continue
		}
		select {
		case <-time.After(refusedPause):
		case <-stop:
			return
		}
	}
}

// step makes one random change or read; false: it was refused, or not answered.
func (b *book) step() bool {
	e := b.any()
	switch choice := b.random.IntN(20); {
	case e == nil || choice < 3:
		return b.create()
	case choice < 7:
		return b.update(e)
	case choice < 9:
		return b.remove(e)
	case choice < 11:
		return b.newPass()
	case choice < 13:
		return b.removePass()
	case choice < 15:
		return b.toggle()
	case choice < 17:
		return b.usePass(e)
	default:
		return b.look(e)
	}
}

// any returns a live credential that nothing is in doubt of, a young one rather.
func (b *book) any() *entry {
	for range 8 {
		if n := len(b.entries); n > 0 {
			if e := b.entries[n-1-b.random.IntN(min(n, 12))]; !e.deleted && e.wanted == nil {
				return e
			}
		}
	}
	return nil
}

// call asks any replica. ok: the answer has the status. Where it has not, doubt says that it
// is not known what became of it; any other answer is wrong.
func (b *book) call(what string, r apptest.Request, status int) (a apptest.Answer, ok, doubt bool) {
	a, err := b.fleet.any(b.random).Try(r)
	switch {
	case err != nil:
		return a, false, true
	case a.Status == status:
		return a, true, false
	case a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" && !strings.Contains(string(a.Body), plaintext):
		return a, false, true
	}
	b.fault("%s was answered %d, want %d: %.300s", what, a.Status, status, a.Body)
	return a, false, false
}

// fault keeps the first thing that went wrong.
func (b *book) fault(format string, args ...any) {
	if b.wrong == nil {
		b.wrong = fmt.Errorf(b.label+": "+format, args...)
	}
}

func (b *book) create() bool {
	b.made++
	e := &entry{held: held{name: fmt.Sprint(b.label, "-", b.made), version: 1}}
	e.data = secretData(e.name)
	a, ok, doubt := b.call("create", apptest.Request{Method: http.MethodPost, Path: credentials, Token: b.user, Body: createBody(e.name, e.data)}, http.StatusCreated)
	if doubt {
		b.doubts++
		b.unnamed = append(b.unnamed, e)
	}
	if !ok {
		return false
	}
	e.id = createdID(b.t(), a)
	b.entries = append(b.entries, e)
	b.touched[e] = true
	return b.look(e)
}

func (b *book) update(e *entry) bool {
	b.made++
	wanted := e.held
	wanted.data, wanted.version = secretData(fmt.Sprint(b.label, "-", b.made)), e.version+1
	return b.change(e, wanted, apptest.Request{Method: http.MethodPatch, Path: credentials + "/" + e.id, Token: b.user,
		Body: api.UpdateCredential{CredentialType: "user_password", Credentials: api.SecretObject(wanted.data)}}, http.StatusOK)
}

func (b *book) remove(e *entry) bool {
	wanted := e.held
	wanted.deleted = true
	return b.change(e, wanted, apptest.Request{Method: http.MethodDelete, Path: credentials + "/" + e.id, Token: b.user}, http.StatusNoContent)
}

func (b *book) change(e *entry, wanted held, r apptest.Request, status int) bool {
	b.touched[e] = true
	_, ok, doubt := b.call(r.Method, r, status)
	if doubt {
		b.doubts++
		e.wanted = &wanted
	}
	if !ok {
		return false
	}
	e.held = wanted
	return b.look(e)
}

// look holds a credential, as some replica gives it out, to what was acknowledged.
func (b *book) look(e *entry) bool {
	status := http.StatusOK
	if e.deleted {
		status = http.StatusNotFound
	}
	return b.read("a read of "+e.id, e, b.key, status)
}

func (b *book) read(what string, e *entry, key string, status int) bool {
	a, ok, _ := b.call(what, apptest.Request{Method: http.MethodGet, Path: credentials + "/" + e.id + "/credentials", Key: key}, status)
	if a.Status == http.StatusOK {
		// Even where only a part of it arrived, that has to be on record.
		b.answered = append(b.answered, a)
	}
	if !ok {
		return false
	}
	b.checks++
	if status == http.StatusOK && string(a.Body) != e.data {
		b.fault("%s is stale: version %d was acknowledged", what, e.version)
	}
	return b.wrong == nil
}

func (b *book) newPass() bool {
	a, ok, _ := b.call("a new key", apptest.Request{Method: http.MethodPost, Path: accounts + "/" + b.account + "/api-keys", Token: b.admin,
		Body: api.CreateAPIKey{Name: "key"}}, http.StatusCreated)
	if !ok {
		return false
	}
	var made api.IssuedAPIKey
	a.Into(b.t(), &made)
	b.passes = append(b.passes, &pass{id: made.ID, token: string(made.Token)})
	return b.tryPass(b.passes[len(b.passes)-1])
}

func (b *book) removePass() bool {
	p := b.anyPass()
	if p == nil || p.deleted {
		return b.newPass()
	}
	_, ok, doubt := b.call("a key's deletion", apptest.Request{Method: http.MethodDelete, Path: accounts + "/" + b.account + "/api-keys/" + p.id, Token: b.admin}, http.StatusNoContent)
	if doubt {
		b.doubts++
	}
	p.deleted, p.doubt = ok, doubt
	return ok && b.tryPass(p)
}

// anyPass returns a young key that nothing is in doubt of; nil: there is none.
func (b *book) anyPass() *pass {
	if n := len(b.passes); n > 0 {
		if p := b.passes[n-1-b.random.IntN(min(n, 6))]; !p.doubt {
			return p
		}
	}
	return nil
}

// toggle switches the account off or on.
func (b *book) toggle() bool {
	if b.unsure {
		return false
	}
	to := "/deactivate"
	if b.inactive {
		to = "/activate"
	}
	_, ok, doubt := b.call(to, apptest.Request{Method: http.MethodPost, Path: accounts + "/" + b.account + to, Token: b.admin}, http.StatusOK)
	if doubt {
		b.doubts++
		b.unsure = true
	}
	if !ok {
		return false
	}
	b.inactive = !b.inactive
	if p := b.anyPass(); p != nil {
		return b.tryPass(p)
	}
	return true
}

func (b *book) usePass(e *entry) bool {
	p := b.anyPass()
	if p == nil || b.unsure {
		return b.look(e)
	}
	status := http.StatusOK
	if p.deleted || b.inactive {
		status = http.StatusUnauthorized
	}
	return b.read(fmt.Sprintf("a read with a key (deleted: %v) of an account (inactive: %v)", p.deleted, b.inactive), e, p.token, status)
}

// tryPass reads something with a key.
func (b *book) tryPass(p *pass) bool {
	e := b.any()
	if e == nil || b.unsure {
		return true
	}
	status := http.StatusOK
	if p.deleted || b.inactive {
		status = http.StatusUnauthorized
	}
	return b.read(fmt.Sprintf("a read with key %s (deleted: %v) of an account (inactive: %v)", p.id, p.deleted, b.inactive), e, p.token, status)
}

func (b *book) t() *testing.T { return b.fleet.replicas[0].Load().T.(*testing.T) }
