package main

import (
	"context"
	"errors"
	"log/slog"

	"github.com/alecthomas/kong"
	"github.com/google/uuid"
	"github.com/oklog/ulid/v2"

	"strongroom"
	"strongroom/internal/app"
	"strongroom/internal/store"
)

// cli is the command line. The tag config names the groups of configuration flags that
// the help of a command shows; every command takes all of them.
type cli struct {
	ShowHelp   helpFlag   `help:"Show what a command does and takes." name:"help" short:"h"`
	ConfigFile string     `help:"Configuration file (YAML): the same settings under their names with underscores." name:"config" type:"path" placeholder:"FILE"`
	Config     app.Config `embed:""`

	Dev            devCommand            `cmd:"" help:"Try everything at once: a server on this machine with an organization, users, a service account and a stored credential." config:"Storage,Server"`
	Serve          serveCommand          `cmd:"" help:"Run the server." config:"Storage,Identity,Server,OAuth,Health,Outbound,Limits,Audit,Observability"`
	Migrate        migrateCommand        `cmd:"" help:"Bring a PostgreSQL database to this version's schema." config:"Storage"`
	Keys           keysCommand           `cmd:"" help:"Make root keys, replace keys, and say which are in use." config:""`
	Organization   organizationCommand   `cmd:"" help:"List organizations, and erase one for good." config:"Storage"`
	Token          tokenCommand          `cmd:"" help:"Print a user's token for a server over a directory of strongroom dev." config:""`
	ServiceAccount serviceAccountCommand `cmd:"" help:"Make and manage service accounts, system ones too." config:"Storage"`
	Credential     credentialCommand     `cmd:"" help:"Look at credentials (never at their secrets), test them, rotate them, restore deleted ones." config:"Storage"`
	Rotation       rotationCommand       `cmd:"" help:"Look after rotations: list, resume and abandon them." config:"Storage,Outbound"`
	Health         healthCommand         `cmd:"" help:"Say which credentials are known to work and which need somebody." config:"Storage"`
	Audit          auditCommand          `cmd:"" help:"Verify, export and checkpoint the audit log." config:"Storage"`
	Backup         backupCommand         `cmd:"" help:"Make a backup while servers run." config:"Storage"`
	Restore        restoreCommand        `cmd:"" help:"Check a backup, or restore it into an empty database." config:"Storage"`
	Completion     completionCommand     `cmd:"" help:"Print a script that completes commands and flags in a shell." config:""`
	Version        versionCommand        `cmd:"" help:"Print the version." config:""`

	ConfigReference configReferenceCommand `cmd:"" hidden:"" help:"Print the reference of the configuration in Markdown."`

	sources sources
}

// BeforeResolve is kong's hook between parsing the arguments and completing them.
func (c *cli) BeforeResolve(ctx *kong.Context) error {
	if err := c.sources.open(ctx); err != nil {
		return err
	}
	ctx.AddResolver(&c.sources)
	return nil
}

// settings returns the configuration, complete.
func (c *cli) settings() app.Config { return c.Config.WithDefaults() }

// act opens the service for a command that changes something, and closes it whatever
// comes. What goes wrong is returned, so nothing is logged.
func (c *cli) act(ctx context.Context, process string, do func(*app.App) error) (err error) {
	a, err := app.Open(ctx, c.settings(), process, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, a.Close(context.WithoutCancel(ctx))) }()
	return do(a)
}

// connect is act for a command that uses credentials at their own servers.
func (c *cli) connect(ctx context.Context, process string, do func(*app.App) error) error {
	return c.act(ctx, process, func(a *app.App) error {
		if err := a.OpenConnections(); err != nil {
			return err
		}
		return do(a)
	})
}

// look opens the database for a command that only reads. It needs no root key.
func (c *cli) look(ctx context.Context, do func(store.Store) error) (err error) {
	settings := c.settings()
	if settings.DatabaseURL == "" {
		return app.ErrNoDatabase
	}
	s, err := app.OpenStore(ctx, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return do(s)
}

// operator is who the command line acts as. Each command has a request id of its own, as
// a request has.
func operator(organization uuid.UUID) strongroom.Caller {
	return strongroom.Operator(organization, ulid.Make().String())
}
