package app

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strongroom/internal/connect"
)

// Config is everything that can be set, in one definition: the command line makes flags,
// STRONGROOM_… variables and the keys of the configuration file from it.
type Config struct {
	Data        string        `help:"Directory that strongroom dev made; stands for its database, root key and JWT secret." type:"path" placeholder:"DIR" group:"Storage"`
	DatabaseURL string        `help:"The database: sqlite:PATH, or postgres://ROLE@HOST:PORT/DATABASE (docs/postgres.md)." placeholder:"URL" group:"Storage"`
	RootKey     string        `help:"The root key: file:PATH or env:NAME, made with strongroom keys generate; or one in a key service: awskms://KEY?region=REGION, gcpkms://projects/…/cryptoKeys/KEY, azurekeyvault://VAULT.vault.azure.net/keys/NAME, hashivault://NAME?address=URL." placeholder:"URL" group:"Storage"`
	NextRootKey string        `help:"The root key that is to take the place of --root-key, or has taken it: what each has wrapped is opened with that one. For strongroom keys rotate-root without a moment of downtime (docs/keys.md)." placeholder:"URL" group:"Storage"`
	KeyMaxAge   time.Duration `help:"How long an organization's key stays in memory; from half of that on it is unwrapped anew, as long as it is used. 0: no limit." default:"2h" group:"Storage"`
	Catalog     string        `help:"Directory with the operator's own provider definitions (*.yaml)." type:"path" placeholder:"DIR" group:"Storage"`

	Issuers Issuers `help:"Whose JWTs are accepted; may be given several times. As key=value pairs: issuer, audience (both required), then jwks_url, or secret_file (HS256), or neither for OIDC discovery; claim_user, claim_organization, claim_role, claim_email name the claims as dotted paths." name:"issuer" sep:"none" placeholder:"issuer=URL,audience=NAME,…" group:"Identity"`

	Addr           string         `help:"Address to listen on." default:"127.0.0.1:8080" placeholder:"HOST:PORT" group:"Server"`
	APIPrefix      string         `help:"Path that the API stands under." default:"/api" placeholder:"PATH" group:"Server"`
	TLSCert        string         `help:"Certificate chain (PEM). With --tls-key the server speaks HTTPS." type:"path" placeholder:"FILE" group:"Server"`
	TLSKey         string         `help:"The certificate's private key (PEM), readable for its owner alone." type:"path" placeholder:"FILE" group:"Server"`
	TrustedProxies []netip.Prefix `help:"Proxies whose X-Forwarded-For is believed." placeholder:"CIDR" group:"Server"`
	ShutdownGrace  time.Duration  `help:"How long requests in flight may go on after a signal to stop." default:"20s" group:"Server"`

	PublicURL       string        `help:"Where browsers reach this server, as https://strongroom.example.com; OAuth providers send them back there." placeholder:"URL" group:"OAuth"`
	AllowRedirects  []string      `help:"Where browsers may be sent once an account is connected: each URL allows itself and what is below its path." name:"allow-redirect" placeholder:"URL" group:"OAuth"`
	RefreshTimeout  time.Duration `help:"How long a provider may take to answer when a token is renewed." default:"15s" group:"OAuth"`
	RefreshWorkers  int           `help:"Tokens renewed at once ahead of their end; 0: none are, and a read renews what it needs." default:"32" group:"OAuth"`
	CheckWorkers    int           `help:"Credentials tested at once on schedule; 0: none are, and a test is made on demand alone." default:"16" group:"Health"`
	ChecksPerSecond int           `help:"Credentials tested a second at most on schedule, so that tests never keep reads waiting; 0: no limit." default:"5" group:"Health"`
	CheckEvery      time.Duration `help:"Interval of scheduled tests of a credential that works; 0: each provider's own." default:"0" group:"Health"`
	RotationWorkers int           `help:"Rotations worked on at once without anybody asking; 0: none are, and one that was interrupted waits for somebody to resume it." default:"4" group:"Health"`

	AllowAddresses []netip.Prefix `help:"Addresses that may be called although they are private, local or special; none of them may otherwise." placeholder:"CIDR" group:"Outbound"`
	// Environment is what the operator's OAuth clients are read from; nil: the process's.
	Environment []string `kong:"-"`

	BodyBytes     int64         `help:"Largest request body, in bytes." default:"1048576" group:"Limits"`
	HeaderBytes   int           `help:"Largest request header, in bytes." default:"32768" group:"Limits"`
	HeaderTimeout time.Duration `help:"How long a client may take to send a request's header." default:"5s" group:"Limits"`
	ReadTimeout   time.Duration `help:"How long a client may take to send a whole request." default:"15s" group:"Limits"`
	WriteTimeout  time.Duration `help:"How long a request may take until its answer is sent." default:"30s" group:"Limits"`
	IdleTimeout   time.Duration `help:"How long a connection may wait for its next request." default:"2m" group:"Limits"`
	Concurrent    int           `help:"Requests served at once; more are answered 503." default:"1024" group:"Limits"`
	UserRate      float64       `help:"Requests a second for each user; 0: no limit." default:"1000" group:"Limits"`
	AccountRate   float64       `help:"Requests a second for each service account; 0: no limit." default:"20000" group:"Limits"`
	AddressRate   float64       `help:"Requests a second for each address; 0: no limit." default:"20000" group:"Limits"`
	FailureRate   float64       `help:"Requests a second with a bad credential for each address before they are answered 429; 0: no limit." default:"100" group:"Limits"`

	CredentialsPerProvider int `help:"Credentials of one provider in an organization; 0: no limit." default:"50" group:"Limits"`
	CredentialsPerUser     int `help:"Credentials of one user in an organization; 0: no limit." default:"100" group:"Limits"`

	CheckpointEvery time.Duration `help:"Interval of signed audit checkpoints." default:"15m" group:"Audit"`
	CheckpointFile  string        `help:"File that every audit checkpoint is appended to as well, to be kept off the host." type:"path" placeholder:"FILE" group:"Audit"`

	LogLevel     string `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL" group:"Observability"`
	OTLPEndpoint string `help:"OTLP/HTTP endpoint that traces are sent to, http://collector:4318 say; none: no traces." env:"STRONGROOM_OTLP_ENDPOINT,OTEL_EXPORTER_OTLP_ENDPOINT" placeholder:"URL" group:"Observability"`
}

// Names of the files in a data directory.
const (
	databaseFile  = "strongroom.db"
	rootKeyFile   = "root.key"
	jwtSecretFile = "jwt.secret"
)

// What a data directory's JWTs say of themselves.
const (
	DevIssuer   = "strongroom-dev"
	DevAudience = "strongroom"
)

// DatabasePath, RootKeyPath and JWTSecretPath name the files of a data directory.
func DatabasePath(dir string) string  { return filepath.Join(dir, databaseFile) }
func RootKeyPath(dir string) string   { return filepath.Join(dir, rootKeyFile) }
func JWTSecretPath(dir string) string { return filepath.Join(dir, jwtSecretFile) }

// WithDefaults returns the Config in which a data directory stands for what was not set.
func (c Config) WithDefaults() Config {
	if c.Data == "" {
		return c
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = "sqlite:" + DatabasePath(c.Data)
	}
	if c.RootKey == "" {
		c.RootKey = "file:" + RootKeyPath(c.Data)
	}
	if _, err := os.Stat(JWTSecretPath(c.Data)); len(c.Issuers) == 0 && err == nil {
		c.Issuers = Issuers{{Issuer: DevIssuer, Audience: DevAudience, SecretFile: JWTSecretPath(c.Data)}}
	}
	return c
}

var errNoRootKey = errors.New("no root key is configured: make one with `strongroom keys generate > root.key`, and set --root-key file:root.key (STRONGROOM_ROOT_KEY)")

// Validate finds what can be found wrong before anything is opened. serving asks for
// what only a server needs.
func (c Config) Validate(serving bool) error {
	var problems []error
	fail := func(format string, args ...any) { problems = append(problems, fmt.Errorf(format, args...)) }
	if err := checkDatabaseURL(c.DatabaseURL); err != nil {
		problems = append(problems, err)
	}
	if c.RootKey == "" {
		problems = append(problems, errNoRootKey)
	}
	if c.KeyMaxAge != 0 && c.KeyMaxAge < time.Minute {
		fail("--key-max-age must be at least 1m, or 0: no limit")
	}
	if serving {
		c.validateServer(fail)
	}
	return errors.Join(problems...)
}

func (c Config) validateServer(fail func(string, ...any)) {
	if len(c.Issuers) == 0 {
		fail("no issuer of JWTs is configured, so no user could sign in: set --issuer issuer=URL,audience=NAME (STRONGROOM_ISSUER), or --data DIR")
	}
	if !strings.HasPrefix(c.APIPrefix, "/") || strings.HasSuffix(c.APIPrefix, "/") || strings.ContainsAny(c.APIPrefix, "{} ?#") {
		fail("--api-prefix must begin with a slash and not end with one, as /api does")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		fail("--tls-cert and --tls-key go together: set both, or neither")
	}
	if c.BodyBytes < 1024 || c.HeaderBytes < 4096 || c.Concurrent < 1 {
		fail("--body-bytes must be at least 1024, --header-bytes at least 4096, --concurrent at least 1")
	}
	c.validateOAuth(fail)
	c.validateHealth(fail)
	for _, d := range []struct {
		name  string
		value time.Duration
	}{
		{"--header-timeout", c.HeaderTimeout}, {"--read-timeout", c.ReadTimeout}, {"--write-timeout", c.WriteTimeout},
		{"--idle-timeout", c.IdleTimeout}, {"--checkpoint-every", c.CheckpointEvery},
	} {
		if d.value <= 0 {
			fail("%s must be more than 0", d.name)
		}
	}
	for _, n := range []struct {
		name  string
		value float64
	}{
		{"--user-rate", c.UserRate}, {"--account-rate", c.AccountRate}, {"--address-rate", c.AddressRate}, {"--failure-rate", c.FailureRate},
		{"--credentials-per-provider", float64(c.CredentialsPerProvider)}, {"--credentials-per-user", float64(c.CredentialsPerUser)},
	} {
		if !(n.value >= 0) {
			fail("%s must be 0 (no limit) or more", n.name)
		}
	}
	if u, err := url.Parse(c.OTLPEndpoint); c.OTLPEndpoint != "" && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		fail("--otlp-endpoint must be a URL as http://collector:4318")
	}
}

func (c Config) validateOAuth(fail func(string, ...any)) {
	if c.PublicURL != "" {
		u, err := url.Parse(c.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Path != "" {
			fail("--public-url must be a scheme and a host, as https://strongroom.example.com, without a path")
		}
	}
	if _, err := connect.ParseRedirects(c.AllowRedirects); err != nil {
		fail("--allow-redirect: %w", err)
	}
	if c.RefreshTimeout < 100*time.Millisecond || c.RefreshTimeout > time.Minute {
		fail("--refresh-timeout must be from 100ms to 1m")
	}
	if c.RefreshWorkers < 0 || c.RefreshWorkers > 1024 {
		fail("--refresh-workers must be from 0 to 1024")
	}
}

func (c Config) validateHealth(fail func(string, ...any)) {
	if c.CheckWorkers < 0 || c.CheckWorkers > 1024 || c.RotationWorkers < 0 || c.RotationWorkers > 256 {
		fail("--check-workers must be from 0 to 1024, --rotation-workers from 0 to 256")
	}
	if c.ChecksPerSecond < 0 || c.ChecksPerSecond > 10_000 {
		fail("--checks-per-second must be from 0 (no limit) to 10000")
	}
	if c.CheckEvery != 0 && (c.CheckEvery < time.Minute || c.CheckEvery > 30*24*time.Hour) {
		fail("--check-every must be 0 (each provider's own) or from 1m to 720h")
	}
}

// Logger returns the log of the configured level, as JSON lines on w.
func (c Config) Logger(w io.Writer) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil {
		level = slog.LevelInfo
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}
