package rotation_test

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"strongroom"
	"strongroom/internal/app/apptest"
	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/pgtest"
	"strongroom/internal/probe/sshtest"
	"strongroom/internal/rotate/far"
	"strongroom/secret"
)

// lane is a database on disk and two servers, which one round after the other uses. A
// round's processes are never there at once.
type lane struct {
	t            *testing.T
	postgres     *pgtest.Server
	ssh          *sshtest.Server
	dir          string
	jwtSecret    []byte
	organization uuid.UUID
	key          string
	// far signs in from the test itself.
	far far.Far
	// rotated are the credentials whose rounds are over.
	rotated []uuid.UUID
}

// loopback is where the servers are.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func newLane(t *testing.T) *lane {
	t.Helper()
	l := &lane{
		t: t, postgres: pgtest.Start(t), ssh: sshtest.Start(t, sshtest.Options{HomeKeys: true}), dir: t.TempDir(), organization: uuid.New(),
		far: far.Far{Prober: probe.New(outbound.New(outbound.Options{Allow: loopback}), time.Now)},
	}
	s := apptest.New(t, l.dir)
	l.jwtSecret = s.JWTSecret
	s.Open(nil)
	_, l.key = s.ServiceAccount(l.organization, "worker")
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	return l
}

// service starts one over the lane's database, in a process of its own.
func (l *lane) service(t *testing.T) *apptest.Process {
	t.Helper()
	return apptest.StartProcess(t, l.dir, l.jwtSecret, nil, "--allow-addresses", loopback[0].String(), "--allow-addresses", loopback[1].String(),
		"--credentials-per-provider", "0", "--credentials-per-user", "0")
}

// patient is a credential under torture.
type patient struct {
	*lane
	method method
	id     uuid.UUID
	user   string
	// original is the data that it began with.
	original secret.Value
	// others are the lines of authorized_keys that are nobody's business.
	others string
	// written is what the processes have written.
	written strings.Builder
}

const credentials = "/api/integrations/credentials/"

// run makes one round.
func (l *lane) run(t *testing.T, r round, random *rand.Rand) {
	t.Helper()
	p := &patient{lane: l, method: r.method}
	p.arrange(t)
	for _, b := range r.blows {
		p.strike(t, b, random)
	}
	s := l.service(t)
	p.wantReadable(t, s)
	s.Do(apptest.Request{Method: http.MethodPost, Path: goOnPath}).Want(t, http.StatusOK)
	p.settle(t, s)
	p.judge(t, s)
	s.Signal(os.Interrupt)
	if code := s.Wait(); code != 0 {
		t.Errorf("the healthy process ended with %d", code)
	}
	p.written.WriteString(s.Output.String())
	p.wantNoSecret(t)
	l.rotated = append(l.rotated, p.id)
	if t.Failed() {
		t.Logf("the processes wrote:\n%s", &p.written)
	}
}

// arrange makes what the credential opens.
func (p *patient) arrange(t *testing.T) {
	t.Helper()
	members := map[string]any{"host": p.postgres.Host, "port": p.postgres.Port, "database": "postgres", "sslmode": "verify-full", "sslrootcert": p.postgres.CA}
	switch p.method {
	case roles:
		members["alternate_username"], members["alternate_password"] = p.postgres.Role(t, "login")
		fallthrough
	case password:
		members["username"], members["password"] = p.postgres.Role(t, "login")
	case key:
		private, public, err := far.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(p.ssh.AuthorizedKeys)
		if err != nil {
			t.Fatal(err)
		}
		p.others = string(before)
		// Written in place: whose the file is stays.
		if err := os.WriteFile(p.ssh.AuthorizedKeys, []byte(p.others+public+" round\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		members = map[string]any{"host": p.ssh.Host, "port": p.ssh.Port, "username": p.ssh.User, "private_key_data": string(private.Reveal())}
	}
	text, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	p.original = secret.New(text)
	if r := p.try(t, p.original); !r.Success {
		t.Fatalf("the credential does not open from the beginning: %s", r.Message)
	}
}

// store has the service store the credential, where none has yet.
func (p *patient) store(t *testing.T, s *apptest.Process) {
	t.Helper()
	provider, kind := "postgresql", "user_password"
	if p.method == key {
		provider, kind = "sftp", "key_file"
	}
	p.user = s.UserToken(p.organization, uuid.New(), strongroom.RoleAppUser)
	var made struct {
		ID uuid.UUID `json:"id"`
	}
	s.Do(apptest.Request{Method: http.MethodPost, Path: strings.TrimSuffix(credentials, "/"), Token: p.user, Body: map[string]any{
		"name": "tortured", "provider": provider, "credential_type": kind, "credentials": json.RawMessage(p.original.Reveal()),
	}}).Want(t, http.StatusCreated).Into(t, &made)
	p.id = made.ID
}

// strike has a process work on the rotation, and killed.
func (p *patient) strike(t *testing.T, b blow, random *rand.Rand) {
	t.Helper()
	s := p.service(t)
	if p.id == uuid.Nil {
		p.store(t, s)
	}
	if b.at != anyMoment {
		s.Do(apptest.Request{Method: http.MethodPost, Path: doomPath, Body: b.at}).Want(t, http.StatusOK)
	}
	died := make(chan bool, 1)
	go func() { died <- p.work(s, b) }()
	if b.at == anyMoment {
		<-time.After(time.Duration(random.Int64N(int64(lease + 500*time.Millisecond))))
		s.Kill()
	}
	if !<-died && b.must {
		t.Errorf("the process did not come to be killed %s", b.at)
	}
	s.Kill()
	p.written.WriteString(s.Output.String())
}

// work asks the process to work until it has died, or there is nothing to do any more.
func (p *patient) work(s *apptest.Process, b blow) (died bool) {
	ask := apptest.Request{Method: http.MethodPost, Path: credentials + p.id.String() + "/rotate", Token: p.user}
	if b.read {
		ask = apptest.Request{Method: http.MethodGet, Path: credentials + p.id.String() + "/credentials", Key: p.key}
	}
	for range 2 {
		a, err := s.Try(ask)
		if err != nil || b.read || p.method != key || !strings.Contains(string(a.Body), `"promoted"`) {
			return err != nil
		}
		// What comes after the grace period.
		<-time.After(grace + 100*time.Millisecond)
	}
	return false
}
