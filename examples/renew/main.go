package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"strongroom/client"
)

const usage = `usage: STRONGROOM_URL=http://127.0.0.1:8080 STRONGROOM_KEY=saf_… renew [-force] CREDENTIAL_ID`

// timeout bounds all calls together; a provider may take its time to renew a token.
const timeout = 2 * time.Minute

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("renew", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { _, _ = fmt.Fprintln(stderr, usage); flags.PrintDefaults() }
	force := flags.Bool("force", false, "have Strongroom renew the token now")
	if flags.Parse(args) != nil {
		return 2
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return 2
	}
	strongroom, err := client.New(client.Options{URL: getenv("STRONGROOM_URL"), Key: getenv("STRONGROOM_KEY")})
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "renew: %v\n%s\n", err, usage)
		return 2
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := renew(ctx, strongroom, flags.Arg(0), *force, stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "renew: %v\n", err)
		return 1
	}
	return 0
}
