package torture_test

import (
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/oauth/oauthtest"
)

// Names of the providers in the catalog; both are the lane's OAuth server.
const (
	rotating = "rotating"
	keeping  = "keeping"
)

// lane is a database on disk and an OAuth server, which one round after the other uses. A
// round's processes are never there at once.
type lane struct {
	t            *testing.T
	server       *oauthtest.Server
	dir          string
	jwtSecret    []byte
	organization uuid.UUID
	key          string
	config       app.Config
	// healthy is a process that is left of the round before; nil: none is.
	healthy *apptest.Process
	// renewals are how many each credential has had.
	renewals map[uuid.UUID]int
}

func newLane(t *testing.T) *lane {
	t.Helper()
	l := &lane{t: t, server: oauthtest.Start(t), dir: t.TempDir(), organization: uuid.New(), renewals: map[uuid.UUID]int{}}
	apptest.OAuth(t, &l.config, l.server, rotating, oauthtest.DefinitionOptions{})
	apptest.OAuth(t, &l.config, l.server, keeping, oauthtest.DefinitionOptions{KeepsRefreshTokens: true, WithoutDiscovery: true})
	s := apptest.New(t, l.dir)
	l.jwtSecret = s.JWTSecret
	s.Open(nil)
	_, l.key = s.ServiceAccount(l.organization, "worker", strongroom.Grant{RefreshTokens: true})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return l
}

// service returns the one that is there, or starts one over the lane's database, in a
// process of its own. What it fails over fails t.
func (l *lane) service(t *testing.T) *apptest.Process {
	t.Helper()
	s := l.healthy
	l.healthy = nil
	if s == nil {
		// It outlives the round.
		s = apptest.StartProcess(l.t, l.dir, l.jwtSecret, l.config.Environment,
			"--catalog", l.config.Catalog, "--allow-addresses", "127.0.0.0/8", "--credentials-per-provider", "0", "--credentials-per-user", "0")
	}
	s.T = t
	return s
}

// patient is a credential under torture.
type patient struct {
	*lane
	id    uuid.UUID
	grant oauthtest.Grant
	user  string
	// written is what the processes have written.
	written strings.Builder
}

const credentials = "/api/integrations/credentials/"

// ask makes the service renew, and returns what it answers.
func (p *patient) ask(s *apptest.Process, by trigger) (apptest.Answer, error) {
	switch by {
	case byAhead:
		return s.Try(apptest.Request{Method: http.MethodPost, Path: aheadPath})
	case byRefresh:
		return s.Try(apptest.Request{Method: http.MethodPost, Path: credentials + p.id.String() + "/refresh", Token: p.user})
	}
	return s.Try(apptest.Request{Method: http.MethodGet, Path: credentials + p.id.String() + "/credentials", Key: p.key})
}

// run makes one round.
func (l *lane) run(t *testing.T, r round, random *rand.Rand) {
	t.Helper()
	l.server.SetRotation(oauthtest.Rotation{KeepRefreshTokens: !r.rotates})
	l.server.Behave(well)
	l.server.ResetStats()
	p := &patient{lane: l, grant: l.server.MakeGrant(oauthtest.GrantRequest{AccessLifetime: -time.Minute})}
	for _, b := range r.blows {
		p.strike(t, r, b, random)
	}
	l.server.Behave(well)
	s := l.service(t)
	p.goOn(t, s, r)
	p.judge(t, s, r)
	// What is held yet is of dead processes, and not waited for by the next round.
	l.server.Release()
	p.written.WriteString(s.Output.String())
	if r.then == byAhead || t.Failed() {
		// It would renew the next credential before it is asked to.
		s.Kill()
	} else {
		l.healthy = s
	}
	for _, token := range []string{p.grant.AccessToken, p.grant.RefreshToken, oauthtest.ClientSecret} {
		if strings.Contains(p.written.String(), token) {
			t.Error("a secret is in the log")
		}
	}
	if t.Failed() {
		t.Logf("the processes wrote:\n%s", &p.written)
	}
}

// strike makes a process renew and has it killed.
func (p *patient) strike(t *testing.T, r round, b blow, random *rand.Rand) {
	t.Helper()
	at := b.at
	if slices.Contains(fromOutside, at) {
		at = ""
	}
	s := p.service(t)
	s.Do(apptest.Request{Method: http.MethodPost, Path: doomPath, Body: string(at)}).Want(t, http.StatusOK)
	if p.id == uuid.Nil {
		provider := keeping
		if r.rotates {
			provider = rotating
		}
		p.user = s.UserToken(p.organization, uuid.New(), strongroom.RoleAppUser)
		p.id = s.Import(p.user, provider, p.grant, -time.Minute)
	}
	if !slices.Contains(beforeSending, b.at) {
		b.provider.Times = 1
		p.server.Behave(b.provider)
	}
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		_, _ = p.ask(s, b.trigger)
	}()
	switch b.at {
	case requestOut, requestLate, answerOut:
		p.server.WaitHeld(t.Context(), 1)
		s.Kill()
	case anyMoment:
		<-time.After(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
		s.Kill()
	default:
		if code := s.Wait(); code != -1 {
			t.Fatalf("the process ended with %d instead of being killed:\n%s", code, s.Output)
		}
	}
	<-asked
	p.written.WriteString(s.Output.String())
	if b.at == requestLate || b.at == answerOut {
		p.server.Release()
	}
}

// goOn has a healthy process renew, and asks until the credential is settled.
func (p *patient) goOn(t *testing.T, s *apptest.Process, r round) {
	t.Helper()
	if _, err := p.ask(s, r.then); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the credential is settled", func() bool {
		switch m := s.Metadata(p.user, p.id); {
		case m.Status == strongroom.StatusNeedsReauth, m.Status == strongroom.StatusActive && m.Version > 1:
			return true
		}
		if r.then != byAhead {
			if _, err := p.ask(s, byRefresh); err != nil {
				t.Fatal(err)
			}
		}
		return false
	})
}

// eventually looks again and again whether something has come true where no signal tells.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for range 600 {
		if holds() {
			return
		}
		<-ticker.C
	}
	t.Fatalf("it never came true that %s", what)
}
