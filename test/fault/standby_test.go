package fault_test

import (
	"net/http"
	"strings"
	"testing"

	"strongroom/internal/app/apptest"
	"strongroom/internal/probe/pgtest"
)

// withStandby is an installation whose database has a standby, which everything that is
// acknowledged has reached.
func withStandby(t *testing.T) (o *onPostgres, standby *pgtest.Server) {
	t.Helper()
	o = newOnPostgres(t, pgtest.Private(t, "fsync=on"))
	primary := o.cluster.Server
	standby = primary.Standby(t, "fsync=on")
	primary.Exec(t, "", "ALTER SYSTEM SET synchronous_standby_names = '"+pgtest.StandbyName+"'", "SELECT pg_reload_conf()")
	eventually(t, "the standby follows synchronously", func() bool {
		return primary.Query(t, "", "SELECT sync_state FROM pg_stat_replication") == "sync"
	})
	both := primary.Host + ":" + primary.Port
	o.database.URL = strings.Replace(o.database.URL, both, both+","+standby.Host+":"+standby.Port, 1) + "&target_session_attrs=read-write"
	return o, standby
}

// TestAStandbyIsPromoted: the service goes over to it by itself, and whatever it has
// acknowledged is there.
func TestAStandbyIsPromoted(t *testing.T) {
	for name, c := range map[string]struct {
		broken, mended func(t *testing.T, primary *pgtest.Server)
	}{
		"since the primary has died": {
			broken: func(t *testing.T, primary *pgtest.Server) { primary.Crash(t, true) },
			mended: func(t *testing.T, primary *pgtest.Server) { primary.Control(t, "start") },
		},
		"and the primary stays, read-only": {
			broken: func(t *testing.T, primary *pgtest.Server) {
				primary.Exec(t, "", "ALTER ROLE current_user SET default_transaction_read_only = off",
					"ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
			},
			mended: func(*testing.T, *pgtest.Server) {},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, standby := withStandby(t)
			primary := o.cluster.Server
			// What the test has made there goes with it, whoever follows.
			t.Cleanup(func() {
				c.mended(t, primary)
				primary.Exec(t, "", "ALTER SYSTEM RESET synchronous_standby_names", "SELECT pg_reload_conf()")
			})
			first, second := o.start(t, ""), o.start(t, "")
			n := newTenant(&first.Client)
			kept, answered := workUntilBroken(t, n, func() { c.broken(t, primary) })
			for _, p := range []*apptest.Process{first, second} {
				eventually(t, "/readyz says so", func() bool {
					a := p.Do(apptest.Request{Method: http.MethodGet, Path: "/readyz"})
					return a.Status == http.StatusServiceUnavailable && strings.Contains(string(a.Body), "the database takes no writes")
				})
			}
			standby.Control(t, "promote")
			becomesReady(t, &first.Client)
			becomesReady(t, &second.Client)
			n.client = &second.Client
			n.wantData(t, n.mustCreate(t, "after", secretData("after")), secretData("after"))
			o.whole(t, n, kept, answered)
			stop(t, first)
			stop(t, second)
			if report := wantVerifiedOf(t, o.config(t)); report.Chains != 2 || len(report.Unclosed) != 0 {
				t.Errorf("%d chains, %d of them not closed", report.Chains, len(report.Unclosed))
			}
		})
	}
}
