package fault_test

import (
	"net/http"
	"testing"

	"strongroom"
	"strongroom/internal/app/apptest"
)

func TestDatabaseLockedByAnotherProcess(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, apptest.Prepare(t, dir))
	n := newTenant(&p.Client)
	id := n.mustCreate(t, "first", secretData("first"))
	n.wantData(t, id, secretData("first"))
	release := lockDatabase(t, dir)

	// Both wait for the lock, and both are told in the end that it is not to be had.
	ask := func(call func() (apptest.Answer, error)) <-chan apptest.Answer {
		answer := make(chan apptest.Answer, 1)
		go func() {
			a, err := call()
			if err != nil {
				t.Errorf("no answer came: %v", err)
			}
			answer <- a
		}()
		return answer
	}
	read := ask(func() (apptest.Answer, error) { return n.read(id) })
	create := ask(func() (apptest.Answer, error) { return n.create("lost", secretData("lost")) })
	wantUnavailable(t, <-read, strongroom.CodeAuditUnavailable)
	wantUnavailable(t, <-create, strongroom.CodeRepositoryUnavailable)
	n.client.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Want(t, http.StatusServiceUnavailable)
	n.client.Do(apptest.Request{Method: http.MethodGet, Path: credentials + "/" + id, Token: n.user}).Want(t, http.StatusOK)

	release()
	answer := n.wantData(t, id, secretData("first"))
	wantOnRecord(t, dir, []apptest.Answer{answer})
	n.wantData(t, n.mustCreate(t, "second", secretData("second")), secretData("second"))
	becomesReady(t, &p.Client)
	stop(t, p)
	wantVerified(t, dir)
}
