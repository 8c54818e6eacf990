package postgres

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Options say which database and how. Zero fields mean the default.
type Options struct {
	// URL names it, as postgres://ROLE@HOST:PORT/DATABASE. Its parameters are libpq's, and
	// those of pgxpool (pool_max_conns). Where it names no sslmode, it is verify-full.
	URL string
	// Dial makes connections over TCP; nil: the driver's own dialer does. A unix socket is
	// always opened by the driver.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Patience bounds one look-up; 10 s. Lists and transactions get three times as long.
	Patience time.Duration
	// ReadOnly refuses writes.
	ReadOnly bool
	// Whole opens the database for a role that row-level security does not hold, and for no
	// other: to back it up as a whole, and to restore it.
	Whole bool
	// Observe, where not nil, is told of every operation once: its fixed name, its
	// time with all waiting, and how it ended.
	Observe func(operation string, took time.Duration, err error)
}

const (
	defaultPatience = 10 * time.Second
	connectTimeout  = 5 * time.Second
	// maxConnections of one process, unless the URL says otherwise. A read holds one for a
	// round trip, so that few serve many.
	maxConnections = 16
)

var errURL = errors.New("the database's URL cannot be used: write postgres://ROLE@HOST:PORT/DATABASE; what it names besides (sslmode, and the files of sslrootcert and passfile) must be right")

// CheckURL says what is wrong with a URL, without connecting. Its error shows nothing of
// the URL, which may hold a password.
func CheckURL(databaseURL string) error {
	_, err := configure(Options{URL: databaseURL})
	return err
}

// configure makes the driver's configuration.
func configure(o Options) (*pgxpool.Config, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errURL
	}
	q := u.Query()
	if host := cmp.Or(q.Get("host"), u.Host); q.Get("sslmode") == "" && !strings.HasPrefix(host, "/") {
		q.Set("sslmode", "verify-full") // libpq's default takes no encryption for granted
	}
	u.RawQuery = q.Encode()
	c, err := pgxpool.ParseConfig(u.String())
	if err != nil {
		return nil, errURL
	}
	if !q.Has("pool_max_conns") {
		c.MaxConns = maxConnections
	}
	// Looking whether a connection stands costs no round trip.
	c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	c.PrepareConn = func(_ context.Context, conn *pgx.Conn) (bool, error) { return alive(conn.PgConn().Conn()), nil }
	cc := c.ConnConfig
	if cc.ConnectTimeout == 0 {
		cc.ConnectTimeout = connectTimeout
	}
	if _, named := cc.RuntimeParams["application_name"]; !named {
		cc.RuntimeParams["application_name"] = "strongroom"
	}
	if local := cc.DialFunc; o.Dial != nil {
		cc.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if network == "unix" {
				return local(ctx, network, address)
			}
			return o.Dial(ctx, network, address)
		}
	}
	return c, nil
}
