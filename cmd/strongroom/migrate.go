package main

import (
	"context"
	"fmt"

	"strongroom/internal/app"
)

type migrateCommand struct {
	ServerRole string `help:"Role that servers sign in as; it gets the rights they need, and is made where it is missing." default:"strongroom_server" placeholder:"NAME"`
}

// Help implements kong.HelpProvider.
func (migrateCommand) Help() string {
	return `Run it as the role that owns the tables, before the first server of a version starts; servers of the version before go on working. Running it several times, or at once, does no harm. A SQLite file needs none of this.

` + example("strongroom migrate --database-url postgres://strongroom_owner@db.example.com/strongroom --server-role strongroom_server")
}

// Run migrates.
func (c *migrateCommand) Run(ctx context.Context, root *cli, sys system) error {
	done, err := app.Migrate(ctx, root.settings(), c.ServerRole)
	if err != nil {
		return err
	}
	if done.From == done.To {
		_, err = fmt.Fprintf(sys.stdout, "The schema is up to date (%d), and %s has its rights.\n", done.To, c.ServerRole)
		return err
	}
	_, err = fmt.Fprintf(sys.stdout, "The schema went from %d to %d, and %s has its rights.\n", done.From, done.To, c.ServerRole)
	return err
}
