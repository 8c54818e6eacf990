package fault_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/custody"
	"strongroom/internal/seal"
	"strongroom/internal/seal/sealtest"
)

// behindKeyService starts a service, and a keeper of its root key that can be made to
// fail, with two tenants who have stored a credential each. Only the first one's key is
// in memory.
func behindKeyService(t *testing.T) (s *apptest.Service, keeper *sealtest.Faulty, known, unknown tenant, ids [2]string) {
	t.Helper()
	s = apptest.Start(t, nil)
	known, unknown = newTenant(&s.Client), newTenant(&s.Client)
	ids = [2]string{known.mustCreate(t, "known", secretData("known")), unknown.mustCreate(t, "unknown", secretData("unknown"))}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	s.Opened = func(a *app.App) {
		keeper = sealtest.NewFaulty(a.Keeper)
		a.Credentials.Sealer = seal.New(keeper, custody.OrganizationKeys(a.Store, a.Audit, time.Now), time.Now, nil)
	}
	s.Open(nil)
	known.wantData(t, ids[0], secretData("known"))
	return s, keeper, known, unknown, ids
}

func TestKeyServiceAway(t *testing.T) {
	t.Parallel()
	s, keeper, known, unknown, ids := behindKeyService(t)
	fresh := newTenant(&s.Client)
	keeper.Fail(errors.New("dial tcp 192.0.2.1:443: connect: connection refused"))

	// Who is known goes on without the key service.
	known.wantData(t, ids[0], secretData("known"))
	must(t)(known.update(ids[0], secretData("renewed"))).Want(t, http.StatusOK)
	known.wantData(t, ids[0], secretData("renewed"))
	another := known.mustCreate(t, "another", secretData("another"))

	// Who is not is told so.
	refused := must(t)(unknown.read(ids[1]))
	wantUnavailable(t, refused, strongroom.CodeKeyUnavailable)
	wantUnavailable(t, must(t)(unknown.update(ids[1], secretData("lost"))), strongroom.CodeKeyUnavailable)
	wantUnavailable(t, must(t)(fresh.create("fresh", secretData("lost"))), strongroom.CodeKeyUnavailable)
	wantRecorded(t, s.Dir, "a read that failed for want of its key", func(e strongroom.Event) bool {
		return e.RequestID == refused.Header.Get("X-Request-ID") && e.Outcome == strongroom.OutcomeFailed &&
			e.Reason == strongroom.CodeKeyUnavailable && e.CredentialID.String() == ids[1]
	})

	// It comes back by itself.
	keeper.Fail(nil)
	unknown.wantData(t, ids[1], secretData("unknown"))
	fresh.wantData(t, fresh.mustCreate(t, "fresh", secretData("fresh")), secretData("fresh"))
	known.wantData(t, another, secretData("another"))
}

func TestKeyServiceThatHangs(t *testing.T) {
	t.Parallel()
	_, keeper, known, unknown, ids := behindKeyService(t)
	asked, answers := make(chan struct{}), make(chan struct{})
	keeper.Before(func(context.Context) error {
		close(asked)
		<-answers
		return nil
	})
	waiting := make(chan apptest.Answer, 1)
	go func() {
		a, err := unknown.read(ids[1])
		if err != nil {
			t.Error(err)
		}
		waiting <- a
	}()
	<-asked
	known.wantData(t, ids[0], secretData("known"))
	close(answers)
	if a := <-waiting; a.Status != http.StatusOK || string(a.Body) != secretData("unknown") {
		t.Errorf("the read that waited for its key was answered %d", a.Status)
	}
	if n := keeper.Unwraps(); n != 2 {
		t.Errorf("the keeper was asked %d times for the keys of two organizations", n)
	}
}
