package probe

import (
	"slices"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"strongroom/secret"
)

// FuzzConnectionString holds the reader to the driver's: what both take means the same to
// both, and what is refused holds no surprise. It is compared without the environment.
func FuzzConnectionString(f *testing.F) {
	for _, s := range []string{
		"", "postgres://u:p@h:1/d?sslmode=require", "postgresql://h,[::1]:2/", "postgres://u%40x:%3a@h/a%20b?ssl=true&sslmode=disable",
		"postgres:///d?host=h&port=1", "postgres://@h", "postgres://u:a:b@h", "host=h user = 'a b' password=\\'x dbname=''", "host=a,b port=1,2 user=u",
		"host=h=1", "user='", "a b=c", "postgres://h:/d", "postgres://h?user=u&user=", "postgres://u@h/%2Fetc?", "postgres://u@h?a=b&", "postgres://u@h?&",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := newPGTarget(PostgreSQL{ConnectionString: secret.New([]byte(s))})
		if err != nil || s == "" {
			return
		}
		theirs, err := pgconn.ParseConfig(s)
		if err != nil {
			// Stricter or not, the driver never sees the string; only hosts and names matter.
			return
		}
		var hosts []pgHost
		for _, c := range append([]*pgconn.FallbackConfig{{Host: theirs.Host, Port: theirs.Port}}, theirs.Fallbacks...) {
			host, err := pgHostName(c.Host)
			if err != nil {
				t.Fatalf("%q leads the driver to %q", s, c.Host)
			}
			if h := (pgHost{host, c.Port}); len(hosts) == 0 || hosts[len(hosts)-1] != h {
				hosts = append(hosts, h)
			}
		}
		if ours := slices.Compact(slices.Clone(target.hosts)); !slices.Equal(ours, hosts) {
			t.Errorf("%q leads to %v, the driver to %v", s, ours, hosts)
		}
		if theirs.User != target.user || theirs.Password != target.password || theirs.Database != target.database {
			t.Errorf("%q is (%q, %q, %q), to the driver (%q, %q, %q)", s,
				target.user, target.password, target.database, theirs.User, theirs.Password, theirs.Database)
		}
	})
}
