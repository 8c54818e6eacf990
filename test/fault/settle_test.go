package fault_test

import (
	"net/http"
	"strconv"
	"testing"

	"strongroom/api"
	"strongroom/internal/app/apptest"
)

// settle finds out, when nothing is under way any more, what became of what is in doubt, and
// holds the replicas to what was acknowledged.
func (b *book) settle(t *testing.T) {
	t.Helper()
	b.settleCredentials(t)
	b.settleAccount(t)
	for e := range b.touched {
		b.look(e)
	}
	for _, p := range b.passes[max(0, len(b.passes)-6):] {
		b.tryPass(p)
	}
	if b.wrong != nil {
		t.Error(b.wrong)
	}
	b.touched = map[*entry]bool{}
}

// settleCredentials holds what the organization has to what it was told: exactly those
// credentials, at those versions.
func (b *book) settleCredentials(t *testing.T) {
	t.Helper()
	l := ledger{tenant: tenant{client: b.fleet.any(b.random), user: b.user}}
	found := map[string]api.Credential{}
	for _, c := range l.list(t) {
		found[c.ID] = c
	}
	for _, e := range b.unnamed {
		for _, c := range found {
			if c.Name == e.name {
				e.id = c.ID
				b.entries = append(b.entries, e)
				b.touched[e] = true
			}
		}
	}
	b.unnamed = nil
	for _, e := range b.entries {
		c, there := found[e.id]
		delete(found, e.id)
		if w := e.wanted; w != nil && (w.deleted && !there || !w.deleted && there && c.Version == w.version) {
			e.held = *w
		}
		e.wanted = nil
		if there == e.deleted || there && (c.Version != e.version || c.Name != e.name) {
			t.Errorf("credential %s: deleted %v, version %d was acknowledged; found %v, version %d", e.id, e.deleted, e.version, there, c.Version)
		}
	}
	for id, c := range found {
		t.Errorf("credential %s (%s) is there and was never asked for", id, c.Name)
	}
}

// settleAccount looks whether the account is on, and which of its keys are left.
func (b *book) settleAccount(t *testing.T) {
	t.Helper()
	var account api.ServiceAccount
	c := b.fleet.any(b.random)
	c.Do(apptest.Request{Method: http.MethodGet, Path: accounts + "/" + b.account, Token: b.admin}).Want(t, http.StatusOK).Into(t, &account)
	if inactive := account.Status == "inactive"; b.unsure {
		b.inactive, b.unsure = inactive, false
	} else if inactive != b.inactive {
		t.Errorf("the account is %s; inactive %v was acknowledged", account.Status, b.inactive)
	}
	left := map[string]bool{}
	for offset := 0; ; offset += 1000 {
		var page []api.APIKey
		c.Do(apptest.Request{Method: http.MethodGet, Path: accounts + "/" + b.account + "/api-keys?limit=1000&offset=" + strconv.Itoa(offset), Token: b.admin}).
			Want(t, http.StatusOK).Into(t, &page)
		for _, k := range page {
			left[k.ID] = true
		}
		if len(page) < 1000 {
			break
		}
	}
	for _, p := range b.passes {
		if p.doubt {
			p.deleted, p.doubt = !left[p.id], false
		}
		if left[p.id] == p.deleted {
			t.Errorf("key %s: deleted %v was acknowledged, found %v", p.id, p.deleted, left[p.id])
		}
	}
}
