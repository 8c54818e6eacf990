package app

import (
	"context"
	"encoding/json"
	"time"

	"strongroom"
	"strongroom/internal/catalog"
	"strongroom/internal/health"
	"strongroom/internal/oauth"
	"strongroom/internal/oauth/endpoint"
	"strongroom/internal/outbound"
	"strongroom/internal/probe"
	"strongroom/internal/probe/aws"
	"strongroom/internal/probe/azure"
	"strongroom/internal/probe/web"
	"strongroom/internal/rotate"
	"strongroom/internal/rotate/far"
	"strongroom/internal/telemetry"
)

// dialer is the guarded one, for addresses that users and providers name.
func (a *App) dialer() *outbound.Dialer {
	return outbound.New(outbound.Options{Allow: a.Config.AllowAddresses})
}

// OpenConnections opens what tests credentials and changes them at the far end: for a
// process that serves, and for the command line.
func (a *App) OpenConnections() error {
	if a.Health != nil {
		return nil
	}
	if err := a.openOAuth(); err != nil {
		return err
	}
	dialer := a.dialer()
	prober := probe.New(dialer, a.clock)
	a.Health = health.New(health.Options{
		Store: a.Store, Audit: a.Audit, Custody: a.Credentials, Catalog: a.Catalog, Testers: a.testers(dialer, prober),
		Clock: a.clock, Log: a.Log, Observe: a.Metrics.Check, Every: a.Config.CheckEvery, PerSecond: a.Config.ChecksPerSecond,
	})
	a.Rotation = rotate.New(rotate.Options{
		Store: a.Store, Audit: a.Audit, Custody: a.Credentials, Sealer: a.sealer, Catalog: a.Catalog, Far: far.Far{Prober: prober},
		Clock: a.clock, Log: a.Log, Observe: a.Metrics.Rotation,
	})
	a.onClose(a.Rotation.Close)
	a.Credentials.Settler = a.Rotation
	a.Metrics.ObserveStates(&telemetry.States{Count: a.Store.CountHealth, Clock: a.clock, Log: a.Log})
	return nil
}

// testers are the tests that the catalog's definitions name.
func (a *App) testers(dialer *outbound.Dialer, prober *probe.Prober) map[catalog.Test]health.Tester {
	mail, blobs := aws.New(dialer, a.clock, aws.Options{}), azure.New(dialer, a.clock, azure.Options{})
	http := web.New(dialer, a.clock, web.Options{})
	return map[catalog.Test]health.Tester{
		catalog.TestSFTP: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			target, err := probe.SFTPData(s.Data)
			if err != nil {
				return unreadable()
			}
			target.KnownHost, target.LookOnly = s.KnownHost, s.LookOnly
			return prober.SFTP(ctx, target)
		},
		catalog.TestPostgreSQL: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			target, err := probe.PostgreSQLData(s.Data)
			if err != nil {
				return unreadable()
			}
			return prober.PostgreSQL(ctx, target)
		},
		catalog.TestSES: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			return mail.SES(ctx, s.Type, s.Data)
		},
		catalog.TestAzureBlob: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			return blobs.Blob(ctx, s.Type, s.Data)
		},
		catalog.TestGraph: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			return http.Graph(ctx, s.Provider, s.Type, s.Data)
		},
		catalog.TestSharePoint: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			return http.ClientSecret(ctx, s.Data)
		},
		catalog.TestHTTP: func(ctx context.Context, s health.Subject) strongroom.CheckResult {
			return http.API(ctx, s.Type, s.Data)
		},
		catalog.TestUserinfo: a.userinfo(dialer, http),
	}
}

// resolveTimeout bounds the finding of a provider's endpoints.
const resolveTimeout = 10 * time.Second

// userinfo asks the provider's userinfo endpoint, whose address may depend on the data.
func (a *App) userinfo(dialer *outbound.Dialer, http *web.Prober) health.Tester {
	provider := endpoint.New(endpoint.Options{HTTP: dialer.HTTPClient(outbound.HTTPOptions{}), Clock: a.clock, Log: a.Log})
	return func(ctx context.Context, s health.Subject) strongroom.CheckResult {
		p, ok := a.Catalog.Provider(s.Provider)
		var data map[string]any
		if !ok || p.OAuth == nil || json.Unmarshal(s.Data.Reveal(), &data) != nil {
			return unreadable()
		}
		def, err := oauth.Fill(*p.OAuth, oauth.Variables(*p.OAuth, data))
		if err != nil {
			return unreadable()
		}
		resolving, cancel := context.WithTimeout(ctx, resolveTimeout)
		defer cancel()
		if def, err = provider.Resolve(resolving, def); err != nil {
			return strongroom.CheckResult{Code: strongroom.CheckProtocol, Message: "The provider's description of its endpoints cannot be read; try again later"}
		}
		return http.UserInfo(ctx, def, s.Data)
	}
}

// unreadable is for data that no longer fits its definition.
func unreadable() strongroom.CheckResult {
	return strongroom.CheckResult{Code: strongroom.CheckProtocol, Message: "The stored data does not fit its definition any more; store it again"}
}
