package probe

import (
	"context"
	"fmt"
	"os"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgBlank is a configuration in which nothing is the machine's. The driver makes one by
// parsing alone, and its parser asks the environment and the home directory; so it is
// given a string that settles every parameter, once, before anybody's data is there.
var pgBlank = pgParseBlank()

// pgMaxMessage bounds one message of the server's, in bytes.
const pgMaxMessage = 64 << 10

func pgParseBlank() *pgconn.Config {
	// The one thing that a string cannot settle: with a service named, its file has to
	// be there. Nothing else runs yet that could miss the variable.
	const service = "PGSERVICE"
	if value, set := os.LookupEnv(service); set {
		_ = os.Unsetenv(service)
		defer func() { _ = os.Setenv(service, value) }()
	}
	config, err := pgconn.ParseConfig("host=blank port=5432 user=blank password=blank database=blank passfile='' " +
		"application_name='' connect_timeout=0 sslmode=disable sslkey='' sslcert='' sslcertmode=disable sslsni=1 " +
		"sslrootcert='' sslpassword='' sslnegotiation=postgres target_session_attrs=any timezone='' options='' " +
		"min_protocol_version=3.0 max_protocol_version=3.0 channel_binding=prefer require_auth=''")
	if err != nil {
		panic(fmt.Sprintf("the blank configuration of PostgreSQL does not parse: %v", err))
	}
	return config
}

// config returns the driver's configuration; its connections are the trace's.
func (t *pgTarget) config(trace *pgTrace) *pgconn.Config {
	c := pgBlank.Copy()
	c.User, c.Password, c.Database = t.user, t.password, t.database
	c.RuntimeParams = map[string]string{"application_name": t.application, "client_encoding": "UTF8"}
	if t.options != "" {
		c.RuntimeParams["options"] = t.options
	}
	c.Fallbacks = nil
	for _, h := range t.hosts {
		for _, tls := range t.attempts(h.name) {
			c.Fallbacks = append(c.Fallbacks, &pgconn.FallbackConfig{Host: h.name, Port: h.port, TLSConfig: tls})
		}
	}
	c.Host, c.Port, c.TLSConfig = c.Fallbacks[0].Host, c.Fallbacks[0].Port, c.Fallbacks[0].TLSConfig
	c.Fallbacks = c.Fallbacks[1:]
	c.ConnectTimeout = t.timeout
	c.ChannelBinding, c.RequireAuth = t.binding, t.auth
	if t.direct {
		c.SSLNegotiation = "direct"
	}
	c.MaxProtocolMessageBodyLen = pgMaxMessage
	c.ValidateConnect = pgSessions[t.session]
	// The dialer looks the name up and judges what it finds, in one.
	c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	c.DialFunc = trace.dial
	c.AfterNetConnect = trace.connected
	return c
}
