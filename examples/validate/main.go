package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/jackc/pgx/v5"

	"strongroom/client"
)

const usage = `usage: STRONGROOM_URL=http://127.0.0.1:8080 STRONGROOM_KEY=saf_… validate CREDENTIAL_ID`

// timeout bounds the calls to Strongroom and the connection together.
const timeout = time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) != 1 {
		_, _ = fmt.Fprintln(stderr, usage)
		return 2
	}
	strongroom, err := client.New(client.Options{URL: getenv("STRONGROOM_URL"), Key: getenv("STRONGROOM_KEY")})
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "validate: %v\n%s\n", err, usage)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	version, err := validate(ctx, strongroom, args[0])
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "validate: %v\n", err)
		return 1
	}
	_, _ = fmt.Fprintf(stdout, "The credential opens its database: PostgreSQL %s\n", version)
	return 0
}

// validate signs in with the credential and returns the server's version.
func validate(ctx context.Context, strongroom *client.Client, id string) (version string, err error) {
	config, err := fetch(ctx, strongroom, id)
	if err != nil {
		return "", err
	}
	connection, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return "", explain(err)
	}
	defer func() { _ = connection.Close(ctx) }()
	if err := connection.QueryRow(ctx, "show server_version").Scan(&version); err != nil {
		return "", explain(err)
	}
	return version, nil
}

// fetch asks Strongroom for the credential: what it is first, so that no secret is read, and
// put on record as read, in vain.
func fetch(ctx context.Context, strongroom *client.Client, id string) (*pgx.ConnConfig, error) {
	about, err := strongroom.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if about.Provider != "postgresql" && about.Provider != "internal_postgresql" {
		return nil, errors.New("this is a credential for " + about.Provider + ", not for postgresql; give the id of another")
	}
	data, err := strongroom.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer data.Destroy()
	return configOf(data)
}
