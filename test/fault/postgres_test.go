package fault_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/pgtest"
	"strongroom/internal/store/postgres/postgrestest"
)

// onPostgres is an installation whose database is PostgreSQL.
type onPostgres struct {
	cluster   *postgrestest.Cluster
	database  postgrestest.Database
	dir       string
	jwtSecret []byte
}

func newOnPostgres(t *testing.T, server *pgtest.Server) *onPostgres {
	t.Helper()
	o := &onPostgres{cluster: postgrestest.On(t, server), dir: t.TempDir()}
	o.database = o.cluster.Database(t)
	o.jwtSecret = apptest.Prepare(t, o.dir)
	return o
}

// start starts a process that reaches the database at the host and port; empty: directly.
func (o *onPostgres) start(t *testing.T, hostPort string, arguments ...string) *apptest.Process {
	t.Helper()
	return start(t, o.dir, o.jwtSecret, append([]string{"--database-url", o.url(hostPort)}, arguments...)...)
}

func (o *onPostgres) url(hostPort string) string {
	if hostPort == "" {
		return o.database.URL
	}
	return postgrestest.Address(hostPort, o.cluster.Role, o.database.Name)
}

// config is for looking at the database from the test.
func (o *onPostgres) config(t *testing.T) app.Config {
	c := apptest.Config(t, o.dir)
	c.DatabaseURL = o.database.URL
	return c
}

// whole looks, once all is over, at what was acknowledged, on record and verifiable.
func (o *onPostgres) whole(t *testing.T, n tenant, kept *shelf, answered []apptest.Answer) {
	t.Helper()
	answered = append(answered, kept.wantAll(t, n)...)
	wantOnRecordOf(t, o.config(t), answered)
	wantVerifiedOf(t, o.config(t))
}

// TestASecretsReadIsTwoRoundTrips counts them between the service and PostgreSQL. The process
// has the organization's key already: the first use of that asks for it besides.
func TestASecretsReadIsTwoRoundTrips(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	proxy := postgrestest.NewProxy(t, o.cluster.Server.Host+":"+o.cluster.Server.Port)
	p := o.start(t, proxy.Address, "--refresh-workers", "0")
	n := newTenant(&p.Client)
	id := n.mustCreate(t, "counted", secretData("counted"))
	for i, what := range []string{"the first, which notes the use", "the second", "the third"} {
		before := proxy.Flights()
		n.wantData(t, id, secretData("counted"))
		if took := proxy.Flights() - before; took != 2 {
			t.Errorf("read %d (%s) took %d round trips", i+1, what, took)
		}
	}
	stop(t, p)
	wantVerifiedOf(t, o.config(t))
}

// workUntilBroken has some create and some read, from when all are at it until each has been
// refused; broken breaks the database meanwhile.
func workUntilBroken(t *testing.T, n tenant, broken func()) (kept *shelf, answered []apptest.Answer) {
	t.Helper()
	kept = &shelf{}
	known := n.mustCreate(t, "known", secretData("known"))
	kept.put(known, secretData("known"))
	const each = 4
	var mu sync.Mutex
	var workers, began sync.WaitGroup
	for i := range each {
		began.Add(2)
		workers.Go(func() {
			refused := kept.writeUntilRefused(t, n, "worker-"+strconv.Itoa(i)+"-", sync.OnceFunc(began.Done))
			wantUnavailable(t, refused, strongroom.CodeRepositoryUnavailable)
		})
		workers.Go(func() {
			begin := sync.OnceFunc(began.Done)
			for range enough {
				a, err := n.read(known)
				if err != nil {
					t.Errorf("no answer came: %v", err)
					return
				}
				if a.Status != http.StatusOK {
					wantRefused(t, a)
					return
				}
				mu.Lock()
				answered = append(answered, a)
				mu.Unlock()
				begin()
			}
			t.Error("no read was refused")
		})
	}
	began.Wait()
	broken()
	workers.Wait()
	return kept, answered
}

// wantRefused fails the test unless a read was refused for what the database does, before
// or at its record.
func wantRefused(t *testing.T, a apptest.Answer) {
	t.Helper()
	code := strongroom.CodeRepositoryUnavailable
	if strings.Contains(string(a.Body), string(strongroom.CodeAuditUnavailable)) {
		code = strongroom.CodeAuditUnavailable
	}
	wantUnavailable(t, a, code)
}

func TestPostgresIsBrokenUnderLoad(t *testing.T) {
	for _, fault := range []struct {
		name         string
		broken, mend func(*onPostgres, *postgrestest.Proxy)
		says         string
	}{
		{
			name:   "it is shut down",
			broken: func(o *onPostgres, _ *postgrestest.Proxy) { o.cluster.Server.Control(t, "stop", "-m", "fast") },
			mend:   func(o *onPostgres, _ *postgrestest.Proxy) { o.cluster.Server.Control(t, "start") },
			says:   "no connection to the database can be made",
		},
		{
			name:   "it crashes",
			broken: func(o *onPostgres, _ *postgrestest.Proxy) { o.cluster.Server.Control(t, "stop", "-m", "immediate") },
			mend:   func(o *onPostgres, _ *postgrestest.Proxy) { o.cluster.Server.Control(t, "start") },
			says:   "no connection to the database can be made",
		},
		{
			name:   "connections are cut in the middle of a query",
			broken: func(_ *onPostgres, p *postgrestest.Proxy) { p.Cut(true) },
			mend:   func(_ *onPostgres, p *postgrestest.Proxy) { p.Cut(false) },
			says:   "the connection to the database broke",
		},
		{
			name:   "the network between is gone",
			broken: func(_ *onPostgres, p *postgrestest.Proxy) { p.Refuse(true) },
			mend:   func(_ *onPostgres, p *postgrestest.Proxy) { p.Refuse(false) },
			says:   "the connection to the database broke",
		},
		{
			name: "it takes no writes any more",
			broken: func(o *onPostgres, _ *postgrestest.Proxy) {
				// The superuser stays able to mend it.
				o.cluster.Server.Exec(t, "", "ALTER ROLE current_user SET default_transaction_read_only = off",
					"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
			},
			mend: func(o *onPostgres, _ *postgrestest.Proxy) {
				o.cluster.Server.Exec(t, "", "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
			},
			says: "the database takes no writes",
		},
	} {
		t.Run(fault.name, func(t *testing.T) {
			o := newOnPostgres(t, pgtest.Private(t))
			proxied := strings.Contains(fault.name, "connections") || strings.Contains(fault.name, "network")
			proxy := postgrestest.NewProxy(t, o.cluster.Server.Host+":"+o.cluster.Server.Port)
			at := ""
			if proxied {
				at = proxy.Address
			}
			p := o.start(t, at)
			n := newTenant(&p.Client)
			kept, answered := workUntilBroken(t, n, func() { fault.broken(o, proxy) })
			eventually(t, "/readyz says so", func() bool {
				return n.client.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"}).Status == http.StatusServiceUnavailable
			})
			wantNotReady(t, &p.Client, fault.says)
			fault.mend(o, proxy)
			becomesReady(t, &p.Client)
			n.wantData(t, n.mustCreate(t, "after", secretData("after")), secretData("after"))
			o.whole(t, n, kept, answered)
			stop(t, p)
			wantVerifiedOf(t, o.config(t))
		})
	}
}

// TestReplicasBehindPgBouncer: one of them dies; the others neither wait nor forget.
func TestReplicasBehindPgBouncer(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	bouncer := o.cluster.Bouncer(t)
	first, second, third := o.start(t, bouncer), o.start(t, bouncer), o.start(t, bouncer)
	n := newTenant(&first.Client)
	kept, answered := writeTogether(t, n, []*apptest.Client{&first.Client, &second.Client, &third.Client}, "all-")
	first.Kill()
	n.client = &second.Client
	more, reads := writeTogether(t, n, []*apptest.Client{&second.Client, &third.Client}, "both-")
	answered = append(append(answered, reads...), more.wantAll(t, n)...)
	o.whole(t, n, kept, answered)
	stop(t, second)
	stop(t, third)
	report := wantVerifiedOf(t, o.config(t))
	if report.Chains != 3 || len(report.Unclosed) != 1 {
		t.Errorf("%d chains, %d of them not closed; want 3 and the killed one's", report.Chains, len(report.Unclosed))
	}
}

// TestTenReplicasStartAtOnce over a database that nobody has used yet.
func TestTenReplicasStartAtOnce(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	var all []*apptest.Process
	for range 10 {
		all = append(all, apptest.Spawn(t, o.dir, o.jwtSecret, nil, "--database-url", o.url("")))
	}
	for _, p := range all {
		p.Listening()
	}
	n := newTenant(&all[0].Client)
	id := n.mustCreate(t, "shared", secretData("shared"))
	for _, p := range all {
		n.client = &p.Client
		n.wantData(t, id, secretData("shared"))
	}
	for _, p := range all {
		stop(t, p)
	}
	if report := wantVerifiedOf(t, o.config(t)); report.Chains != len(all) || len(report.Unclosed) != 0 {
		t.Errorf("%d chains, %d of them not closed", report.Chains, len(report.Unclosed))
	}
}

// TestAServerThatMayNotServeSaysSo ends before it listens.
func TestAServerThatMayNotServeSaysSo(t *testing.T) {
	o := newOnPostgres(t, pgtest.Start(t))
	for name, c := range map[string]struct{ url, says string }{
		"as the owner of the tables": {o.database.OwnerURL, "nothing would stand between organizations"},
		"before a migration":         {o.cluster.Empty(t).URL, "run strongroom migrate"},
	} {
		t.Run(name, func(t *testing.T) {
			p := apptest.Spawn(t, o.dir, o.jwtSecret, nil, "--database-url", c.url)
			wantExit(t, p, 1)
			if said := fmt.Sprint(p.Output); !strings.Contains(said, c.says) || strings.Contains(said, o.cluster.Owner.Password) {
				t.Errorf("it says %s", said)
			}
		})
	}
}
