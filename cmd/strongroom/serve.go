package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"strongroom/internal/app"
	"strongroom/internal/dev"
	"strongroom/internal/telemetry"
)

type serveCommand struct{}

// Help implements kong.HelpProvider.
func (serveCommand) Help() string {
	return `The log is JSON lines on stderr. SIGINT or SIGTERM lets requests in flight finish; a second one ends at once.

` + example(
		"umask 077; strongroom keys generate > root.key",
		"strongroom serve --database-url sqlite:strongroom.db --root-key file:root.key \\",
		"    --issuer issuer=https://login.example.com,audience=strongroom")
}

// Run serves until the context ends.
func (serveCommand) Run(ctx context.Context, root *cli, sys system) error {
	settings := root.settings()
	lines := telemetry.NewLines(sys.stderr)
	return errors.Join(app.Run(ctx, settings, settings.Logger(lines)), lines.Close())
}

type devCommand struct{}

// Help implements kong.HelpProvider.
func (devCommand) Help() string {
	return `Needs no configuration: keys, database and tokens are made in --data (.strongroom where none is given) and found again at the next start. Serves on this machine only.

` + example("strongroom dev", "strongroom dev --addr 127.0.0.1:9000 --data /tmp/strongroom")
}

// Run shows the service at work and serves until the context ends.
func (devCommand) Run(ctx context.Context, root *cli, sys system) error {
	return dev.Run(ctx, root.Config, sys.stdout)
}

type versionCommand struct{}

// Help implements kong.HelpProvider.
func (versionCommand) Help() string { return example("strongroom version") }

// Run prints the version and what it was built with and for.
func (versionCommand) Run(sys system) error {
	_, err := fmt.Fprintf(sys.stdout, "strongroom %s (%s, %s/%s)\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}
