package torture_test

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// patience is how long a slow provider may take.
const patience = 4 * time.Second

// state is what a credential says of itself.
type state struct {
	status strongroom.CredentialStatus
	reason strongroom.StatusReason
}

var (
	active     = state{status: strongroom.StatusActive}
	uncertain  = state{strongroom.StatusUncertain, strongroom.ReasonAnswerLost}
	answerLost = state{strongroom.StatusNeedsReauth, strongroom.ReasonAnswerLost}
)

func failing(reason strongroom.StatusReason) state {
	return state{strongroom.StatusRefreshFailing, reason}
}

// mishap is one renewal that goes wrong on its way.
type mishap struct {
	name     string
	provider oauthtest.Behaviour
	// granted: the provider has done what was asked of it.
	granted bool
	// rotating and keeping are what the credential says then, for each kind of provider.
	rotating, keeping state
	// release lets go what the provider holds: inTime before the service gives up, else after.
	release, inTime bool
}

func (m mishap) slow() bool {
	return m.provider.Mode == oauthtest.Hold || m.provider.Mode == oauthtest.HoldAnswer
}

var mishaps = []mishap{
	{name: "the connection breaks before the provider acts", provider: dropBefore, rotating: uncertain, keeping: failing(strongroom.ReasonUnreachable)},
	{name: "the connection breaks after the provider has acted", provider: dropAfter, granted: true, rotating: uncertain, keeping: failing(strongroom.ReasonUnreachable)},
	{name: "the answer is cut off", provider: cut, granted: true, rotating: uncertain, keeping: failing(strongroom.ReasonMalformedAnswer)},
	{name: "the answer is garbled", provider: garbled, granted: true, rotating: uncertain, keeping: failing(strongroom.ReasonMalformedAnswer)},
	{name: "a web page answers", provider: webPage, rotating: failing(strongroom.ReasonMalformedAnswer), keeping: failing(strongroom.ReasonMalformedAnswer)},
	{name: "the provider fails", provider: failure, rotating: failing(strongroom.ReasonProviderError), keeping: failing(strongroom.ReasonProviderError)},
	{name: "a gateway fails", provider: badGateway, rotating: failing(strongroom.ReasonProviderError), keeping: failing(strongroom.ReasonProviderError)},
	{name: "the provider asks for a pause", provider: tooMany, rotating: failing(strongroom.ReasonRateLimited), keeping: failing(strongroom.ReasonRateLimited)},
	{name: "the provider is slow and acts when nobody waits any more", provider: hold, granted: true, release: true, rotating: uncertain, keeping: failing(strongroom.ReasonTimeout)},
	{name: "the provider is slow and never acts", provider: hold, rotating: uncertain, keeping: failing(strongroom.ReasonTimeout)},
	{name: "the answer is slow and nobody waits any more", provider: holdAnswer, granted: true, rotating: uncertain, keeping: failing(strongroom.ReasonTimeout)},
	{name: "the provider is slow, but not too slow", provider: hold, granted: true, release: true, inTime: true, rotating: active, keeping: active},
	{name: "the answer is slow, but not too slow", provider: holdAnswer, granted: true, release: true, inTime: true, rotating: active, keeping: active},
}

// TestTortureOfTheNetwork: nobody dies; what goes wrong lies between the service and the
// provider. Nothing but reads makes the service try.
func TestTortureOfTheNetwork(t *testing.T) {
	t.Parallel()
	// Parallel tests would be as many as there are processors; these wait most of the time.
	var all sync.WaitGroup
	for kind, keep := range map[string]bool{rotating: false, keeping: true} {
		for _, m := range mishaps {
			all.Go(func() {
				t.Run(kind+", "+m.name, func(t *testing.T) { m.run(t, keep) })
			})
		}
	}
	all.Wait()
}

// victim is a credential whose renewal goes wrong.
type victim struct {
	service   *apptest.Service
	server    *oauthtest.Server
	grant     oauthtest.Grant
	id        uuid.UUID
	user, key string
}

func newVictim(t *testing.T, m mishap, keep bool) *victim {
	t.Helper()
	server := oauthtest.Start(t)
	server.SetRotation(oauthtest.Rotation{KeepRefreshTokens: keep})
	v := &victim{server: server, grant: server.MakeGrant(oauthtest.GrantRequest{AccessLifetime: -time.Minute})}
	v.service = apptest.Start(t, func(c *app.Config) {
		apptest.OAuth(t, c, server, "acme", oauthtest.DefinitionOptions{KeepsRefreshTokens: keep})
		c.RefreshWorkers = 0
		if m.slow() {
			c.RefreshTimeout = patience
		}
	})
	organization := uuid.New()
	v.user = v.service.UserToken(organization, uuid.New(), strongroom.RoleAppUser)
	_, v.key = v.service.ServiceAccount(organization, "worker", strongroom.Grant{RefreshTokens: true})
	v.id = v.service.Import(v.user, "acme", v.grant, -time.Minute)
	return v
}

func (v *victim) read() (apptest.Answer, error) {
	return v.service.Try(apptest.Request{Method: http.MethodGet, Path: credentials + v.id.String() + "/credentials", Key: v.key})
}

func (v *victim) state() state {
	m := v.service.Metadata(v.user, v.id)
	s := state{status: m.Status}
	if m.Reason != nil {
		s.reason = *m.Reason
	}
	return s
}

// run has one renewal go wrong, and reads until the credential is settled.
func (m mishap) run(t *testing.T, keep bool) {
	v := newVictim(t, m, keep)
	then := m.rotating
	if keep {
		then = m.keeping
	}
	b := m.provider
	b.Times = 1
	v.server.Behave(b)
	first := make(chan struct{})
	go func() {
		defer close(first)
		if a, err := v.read(); err != nil || (a.Status == http.StatusOK) != (then == active) {
			t.Errorf("the read was answered %d, %v", a.Status, err)
		}
	}()
	if m.inTime {
		v.releaseHeld(t)
	}
	<-first
	if got := v.state(); got != then {
		t.Errorf("the credential is %v, want %v", got, then)
	}
	if m.release && !m.inTime {
		v.releaseHeld(t)
	}
	eventually(t, "the credential is settled", func() bool {
		if _, err := v.read(); err != nil {
			t.Fatal(err)
		}
		s := v.state()
		return s == active || s.status == strongroom.StatusNeedsReauth
	})
	v.judge(t, m, keep)
}

// releaseHeld lets the provider go on with the request that it holds, or will hold.
func (v *victim) releaseHeld(t *testing.T) {
	t.Helper()
	v.server.WaitHeld(t.Context(), 1)
	v.server.Release()
}

// judge compares what the provider knows with what the service says.
func (v *victim) judge(t *testing.T, m mishap, keep bool) {
	t.Helper()
	want, exchanges, attempts := active, 1, 2
	switch {
	case m.inTime:
		attempts = 1
	case m.granted && keep:
		exchanges = 2
	case m.granted:
		want = answerLost
	}
	a, err := v.read()
	if err != nil {
		t.Fatal(err)
	}
	known := v.server.Grant(v.grant.ID)
	if got := v.state(); got != want {
		t.Errorf("the credential is %v, want %v", got, want)
	}
	if known.Exchanges != exchanges || known.Attempts != attempts {
		t.Errorf("%d of %d requests were granted; want %d of %d", known.Exchanges, known.Attempts, exchanges, attempts)
	}
	if want != active {
		a.WantError(t, http.StatusConflict, string(strongroom.CodeReauthorization))
		return
	}
	var data oauthtest.Grant
	a.Want(t, http.StatusOK).Into(t, &data)
	if !v.server.Active(data.AccessToken) || data.RefreshToken != known.RefreshTokenCurrent {
		t.Error("what is served does not work")
	}
	if !known.Alive || known.KilledByReuse {
		t.Errorf("the grant is lost: %+v", known)
	}
}
