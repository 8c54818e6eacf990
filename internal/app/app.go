package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace"

	"strongroom"
	"strongroom/internal/accounts"
	"strongroom/internal/audit"
	"strongroom/internal/catalog"
	"strongroom/internal/connect"
	"strongroom/internal/custody"
	"strongroom/internal/health"
	"strongroom/internal/httpapi"
	"strongroom/internal/identity"
	"strongroom/internal/outbound"
	"strongroom/internal/refresh"
	"strongroom/internal/rekey"
	"strongroom/internal/rotate"
	"strongroom/internal/seal"
	"strongroom/internal/store"
	"strongroom/internal/telemetry"
)

// App is the service, opened: the authorities that the server and the command line use.
type App struct {
	Config Config
	Store  store.Store
	// Keeper has the configured root key. Keepers has it first, and after it the one that is
	// to take its place, if there is one.
	Keeper      seal.Keeper
	Keepers     seal.Keepers
	Audit       *audit.Log
	Credentials *custody.Service
	Accounts    *accounts.Service
	// Refresh and OAuth are there once Handler has been called.
	Refresh *refresh.Service
	OAuth   *connect.Service
	// Health tests connections, Rotation changes secrets at the far end: once Handler or
	// OpenConnections has been called.
	Health   *health.Service
	Rotation *rotate.Service
	// Keys replaces keys and destroys them.
	Keys    *rekey.Service
	Catalog *catalog.Catalog
	Metrics *telemetry.Metrics
	Log     *slog.Logger

	clock strongroom.Clock
	// patience is how long a key service that is away is waited for; 0: without end.
	patience time.Duration
	sealer   *seal.Sealer
	tracer   trace.Tracer
	closers  []func(context.Context) error
}

// Open opens everything that acts on credentials. process says what runs ("serve",
// "credential restore"), for the audit log. A key service that is away is waited for a few
// seconds. Close ends it.
func Open(ctx context.Context, c Config, process string, logger *slog.Logger) (*App, error) {
	return open(ctx, c, process, logger, keyPatience)
}

func open(ctx context.Context, c Config, process string, logger *slog.Logger, patience time.Duration) (*App, error) {
	if err := c.Validate(false); err != nil {
		return nil, err
	}
	silenceStandardLog()
	a := &App{Config: c, Metrics: telemetry.New(Version()), Log: logger, clock: systemClock, patience: patience}
	steps := []func(context.Context) error{
		a.openCatalog, a.openKeeper, a.openStore, a.checkInstallation,
		func(ctx context.Context) error { return a.openAudit(ctx, process) },
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, errors.Join(err, a.Close(context.WithoutCancel(ctx)))
		}
	}
	a.openAuthorities()
	return a, nil
}

// silenceStandardLog keeps the standard library from writing what a peer has sent: net/http
// logs, of its own accord, the beginning of an answer that nobody asked for, and a provider's
// may hold tokens. Our own log is not written through it.
func silenceStandardLog() { log.SetOutput(io.Discard) }

// Close ends what Open opened, in reverse order: the audit log is flushed before its
// database is closed.
func (a *App) Close(ctx context.Context) error {
	var errs []error
	for i := len(a.closers) - 1; i >= 0; i-- {
		errs = append(errs, a.closers[i](ctx))
	}
	a.closers = nil
	return errors.Join(errs...)
}

func (a *App) onClose(f func(context.Context) error) { a.closers = append(a.closers, f) }

func (a *App) openCatalog(context.Context) (err error) {
	a.Catalog, err = catalog.Load(a.Config.Catalog)
	return err
}

func (a *App) openStore(ctx context.Context) error {
	s, err := openStore(ctx, a.Config, false, a.Metrics.Store)
	if err != nil {
		return err
	}
	a.Store = s
	a.onClose(func(context.Context) error { return s.Close() })
	return nil
}

func (a *App) openAudit(ctx context.Context, process string) error {
	signer, err := a.signer(ctx)
	if err != nil {
		return err
	}
	sink, err := a.checkpointSink()
	if err != nil {
		return err
	}
	a.Audit, err = audit.Open(ctx, audit.Options{
		Store: a.Store, Signer: signer, Clock: a.clock, Process: process, Observe: a.Metrics.AuditBatch,
		CheckpointEvery: a.Config.CheckpointEvery, CheckpointSink: sink, Log: a.Log,
	})
	if err != nil {
		return fmt.Errorf("the audit log cannot be opened, so nothing may be done: %w", err)
	}
	a.onClose(a.Audit.Close)
	return nil
}

// checkpointSink returns where checkpoints are copied to; nil: nowhere.
func (a *App) checkpointSink() (io.Writer, error) {
	if a.Config.CheckpointFile == "" {
		return nil, nil
	}
	f, err := os.OpenFile(a.Config.CheckpointFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the checkpoint file cannot be opened: %w", err)
	}
	a.onClose(func(context.Context) error { return f.Close() })
	return f, nil
}

func (a *App) openAuthorities() {
	a.sealer = seal.New(a.Keeper, custody.OrganizationKeys(a.Store, a.Audit, a.clock), a.clock, a.Metrics.KeyService)
	a.sealer.ForgetAfter(a.Config.KeyMaxAge)
	for _, next := range a.Keepers[1:] {
		a.sealer.AddKeeper(next)
	}
	a.Keys = rekey.New(rekey.Options{Store: a.Store, Audit: a.Audit, Sealer: a.sealer, Clock: a.clock})
	a.Credentials = custody.New(custody.Options{
		Store: a.Store, Audit: a.Audit, Sealer: a.sealer, Catalog: a.Catalog, Clock: a.clock, Observe: a.Metrics.Act,
		Limits: store.CredentialLimits{PerProvider: a.Config.CredentialsPerProvider, PerUser: a.Config.CredentialsPerUser},
	})
	a.Accounts = accounts.New(accounts.Options{Store: a.Store, Audit: a.Audit, Catalog: a.Catalog, Clock: a.clock, Observe: a.Metrics.Act})
}

// Handler returns the HTTP API over the opened service.
func (a *App) Handler(ctx context.Context) (http.Handler, error) {
	issuers, err := a.openIssuers()
	if err != nil {
		return nil, err
	}
	if err := a.startTracing(ctx); err != nil {
		return nil, err
	}
	if err := a.openOAuth(); err != nil {
		return nil, err
	}
	if err := a.OpenConnections(); err != nil {
		return nil, err
	}
	readAhead := custody.ReadAhead{Store: a.Store}
	authenticator := identity.New(readAhead, issuers, a.clock)
	authenticator.RefuseErased(a.Store)
	return httpapi.New(httpapi.Options{
		Credentials: a.Credentials, Accounts: a.Accounts, OAuth: a.OAuth, Connections: a.Health, Rotations: a.Rotation, Audit: audit.Viewer{Store: a.Store, Clock: a.clock}, Catalog: a.Catalog,
		Authenticator: authenticator, ReadAhead: readAhead,
		Checks: []httpapi.Check{
			{Name: "database", Ready: a.Store.Ready},
			{Name: "audit", Ready: func(context.Context) error { return a.Audit.Err() }},
			{Name: "root_key", Ready: a.checkRoot},
		},
		Metrics: a.Metrics.Handler(), Observer: a.Metrics, Log: a.Log, Clock: a.clock, Tracer: a.tracer,
		Prefix: a.Config.APIPrefix, Version: Version(), TrustedProxies: a.Config.TrustedProxies,
		SecureCookies: strings.HasPrefix(a.Config.PublicURL, "https:"),
		Limits: httpapi.Limits{
			BodyBytes: a.Config.BodyBytes, Concurrent: a.Config.Concurrent, UserRate: a.Config.UserRate, AccountRate: a.Config.AccountRate,
			AddressRate: a.Config.AddressRate, FailureRate: a.Config.FailureRate,
		},
	})
}

func (a *App) openIssuers() ([]*identity.Issuer, error) {
	client := operatorDialer().HTTPClient(outbound.HTTPOptions{Timeout: issuerTimeout})
	var opened []*identity.Issuer
	for _, i := range a.Config.Issuers {
		issuer, err := i.open(client, a.clock, a.Log)
		if err != nil {
			return nil, fmt.Errorf("the issuer %q cannot be used: %w", i.Issuer, err)
		}
		opened = append(opened, issuer)
	}
	return opened, nil
}

// operatorDialer is the guarded dialer for addresses that the operator has configured and
// no user can: to name one is to allow it, wherever it is.
func operatorDialer() *outbound.Dialer {
	return outbound.New(outbound.Options{Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}})
}

func (a *App) startTracing(ctx context.Context) error {
	if a.Config.OTLPEndpoint == "" {
		return nil
	}
	tracer, stop, err := telemetry.StartTracing(ctx, operatorDialer().HTTPClient(outbound.HTTPOptions{}), a.Config.OTLPEndpoint, Version())
	if err != nil {
		return err
	}
	a.tracer = tracer
	a.onClose(stop)
	return nil
}
