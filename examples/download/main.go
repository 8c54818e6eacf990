package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"github.com/pkg/sftp"

	"strongroom/client"
)

const usage = `usage: STRONGROOM_URL=http://127.0.0.1:8080 STRONGROOM_KEY=saf_… download CREDENTIAL_ID REMOTE_PATH > file`

// fetchTimeout bounds the two calls to Strongroom.
const fetchTimeout = 30 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	if len(args) != 2 {
		_, _ = fmt.Fprintln(stderr, usage)
		return 2
	}
	strongroom, err := client.New(client.Options{URL: getenv("STRONGROOM_URL"), Key: getenv("STRONGROOM_KEY")})
	if err != nil {
		_, _ = fmt.Fprintf(stderr, "download: %v\n%s\n", err, usage)
		return 2
	}
	if err := download(ctx, strongroom, args[0], args[1], stdout); err != nil {
		_, _ = fmt.Fprintf(stderr, "download: %v\n", err)
		return 1
	}
	return 0
}

// download copies the file at the path, on the server that the credential is for, to w.
func download(ctx context.Context, strongroom *client.Client, id, path string, w io.Writer) error {
	server, err := fetch(ctx, strongroom, id)
	if err != nil {
		return err
	}
	connection, err := server.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = connection.Close() }()
	// Whatever waits for the server ends with the context.
	defer context.AfterFunc(ctx, func() { _ = connection.Close() })()

	files, err := sftp.NewClient(connection)
	if err != nil {
		return fmt.Errorf("the server at %s does not offer SFTP: %w", server.address, err)
	}
	defer func() { _ = files.Close() }()
	file, err := files.Open(path)
	if err != nil {
		return fmt.Errorf("the file cannot be opened on %s: %w", server.address, err)
	}
	defer func() { _ = file.Close() }()
	if n, err := io.Copy(w, file); err != nil {
		return fmt.Errorf("the download broke off after %d bytes, and what was written is not the whole file: %w", n, err)
	}
	return nil
}

// fetch asks Strongroom for the credential: what it is first, so that no secret is read, and
// put on record as read, in vain.
func fetch(ctx context.Context, strongroom *client.Client, id string) (*server, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	about, err := strongroom.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if about.Provider != "sftp" {
		return nil, errors.New("this is a credential for " + about.Provider + ", not for sftp; give the id of another")
	}
	data, err := strongroom.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	defer data.Destroy()
	knownHost := ""
	if about.KnownHost != nil {
		knownHost = *about.KnownHost
	}
	return newServer(data, knownHost)
}
